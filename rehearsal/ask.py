"""`python -m rehearsal.ask QUESTION`: the official OpenAI client, streaming through the gateway."""

from __future__ import annotations

import argparse
import ssl
import sys
from pathlib import Path

from openai import DefaultHttpxClient, OpenAI, OpenAIError

from components.problems import PlanError
from operations.access import read_access, why_null

from .workspace import STATE


def ask(folder: Path, question: str) -> int:
    """Ask the first tenant's first model and print its answer as it comes; returns the status."""
    try:
        access = read_access(folder / "access.json")
    except PlanError as refused:
        return _fail(str(refused))
    if access["gateway_url"] is None:
        return _fail(why_null(access, "gateway_url"))
    tls = ssl.create_default_context(cafile=access["ca_file"])
    client = OpenAI(
        base_url=f"{access['gateway_url']}/v1",
        api_key=next(iter(access["api_keys"].values())),
        http_client=DefaultHttpxClient(verify=tls, trust_env=False),
    )
    try:
        model = next(iter(client.models.list())).id
        with client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": question}], stream=True
        ) as stream:
            for chunk in stream:
                for choice in chunk.choices:
                    print(choice.delta.content or "", end="", flush=True)  # noqa: T201  # the answer
    except OpenAIError as error:
        return _fail(str(error))
    print()  # noqa: T201  # and its end
    return 0


def _fail(why: str) -> int:
    print(why, file=sys.stderr)  # noqa: T201  # advice
    return 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question")
    parser.add_argument("--folder", type=Path, default=STATE)
    options = parser.parse_args()
    sys.exit(ask(options.folder, options.question))


if __name__ == "__main__":
    main()
