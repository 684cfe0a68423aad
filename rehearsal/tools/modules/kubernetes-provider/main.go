// Command pulumi-resource-kubernetes serves the published Kubernetes provider.
//
// The provider's own command embeds files that its release process generates and its module lacks.
// The committed schema and mapping lie beside this program instead.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

func main() {
	schema, mapping, err := load()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-kubernetes:", err)
		os.Exit(1)
	}
	go leaveWithEngine()
	provider.Serve("kubernetes", version.Version, schema, mapping)
}

// leaveWithEngine ends this program when its parent is gone: an engine that was killed stops nobody,
// and the provider's own look at the engine comes minutes later.
func leaveWithEngine() {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(time.Second)
	}
	os.Exit(0)
}

func load() (schema, mapping []byte, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	// Plugin folders hold links; the data lies beside the file that they point to.
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return nil, nil, err
	}
	folder := filepath.Dir(program)
	if schema, err = os.ReadFile(filepath.Join(folder, "schema.json")); err != nil {
		return nil, nil, err
	}
	if mapping, err = os.ReadFile(filepath.Join(folder, "terraform-mapping.json")); err != nil {
		return nil, nil, err
	}
	return stamped(schema), mapping, nil
}

// stamped adds the version, which the committed schema leaves out. Parsing 7 MB of JSON for that
// would cost every start of the provider.
func stamped(schema []byte) []byte {
	return bytes.Replace(schema, []byte("{"), []byte(fmt.Sprintf("{%q: %q,", "version", version.Version)), 1)
}
