"""Manifests that several tests write."""


def pod(name, script, *, more="", container="", image="busybox:1"):
    """Write a pod of one container that runs a shell script."""
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 5
  {more}
  containers:
    - name: main
      image: {image}
      command: [sh, -c, {script!r}]
      {container}
"""
