"""Generate clients of the HTTP API and of gim.proto with other projects' generators, and try them.

    python -m tests.conformance.clients [NAME ...]

Each name is a key of `GENERATORS`, all of them by default. A client for which tests/conformance/programs
has a program logs in, sends, reads the history and is refused; the others are compiled. A generator whose
tools (go, npm with node, mvn with java) are missing is named and left out. Files are in build/clients.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from tests.conformance.api import serving
from tests.conformance.run import BUILD, ROOT, prepare

CLIENTS = BUILD / "clients"
DOCUMENT = CLIENTS / "openapi.json"
PROGRAMS = Path(__file__).parent / "programs"

OPENAPI_GENERATOR = "org.openapitools:openapi-generator-cli:7.14.0"
OAPI_CODEGEN = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"
PROTOC_GEN_GO = "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12"
TYPESCRIPT = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3")
PYTHON_CLIENT = "openapi-python-client==0.29.1"
LIMIT = 900  # seconds for one command
UNKNOWN = "user 'stranger' does not exist: an id becomes a user with its first login"
NOT_A_MEMBER = "you are not a member of chatroom '{}': join it first"


def run(*command: str | Path, cwd: Path = CLIENTS, **environment: str) -> str:
    """Run a command and return its standard output; end all with its output if it fails."""
    ended = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, timeout=LIMIT, capture_output=True, text=True
    )
    if ended.returncode:
        words = " ".join(map(str, command))
        sys.exit(f"{words} ended with {ended.returncode}:\n{ended.stdout[-4000:]}{ended.stderr[-4000:]}")
    return ended.stdout


def openapi_generator(language: str) -> Path:
    """Generate a client in *language*; return its directory."""
    _, name, version = OPENAPI_GENERATOR.split(":")
    jar, directory = CLIENTS / f"{name}-{version}.jar", CLIENTS / f"openapi-generator-{language}"
    if not jar.exists():
        copy = "dependency:copy", f"-Dartifact={OPENAPI_GENERATOR}", f"-DoutputDirectory={CLIENTS}"
        run("mvn", "-q", "-B", *copy)
    names = "--additional-properties=packageName=gimapi"
    run("java", "-jar", jar, "generate", "-i", DOCUMENT, "-g", language, "-o", directory, names)
    return directory


def use(name: str, url: str, *command: str | Path, cwd: Path = CLIENTS) -> None:
    """Run a program that logs in, sends, reads the history and is refused; check what it read.

    It prints one JSON object: the ``code`` of an answer, the message that it ``sent`` and the ``history``
    as lists of id, sender, content and time, and the code and sentence of two ``refusals``.
    """
    user, peer = f"{name}-user", f"{name}-peer"
    found = json.loads(run(*command, url, user, peer, cwd=cwd))
    sent, refusals = found["sent"], [[404, UNKNOWN], [403, NOT_A_MEMBER.format(peer)]]
    expected = {"code": 0, "sent": sent, "history": [sent], "refusals": refusals}
    if found != expected or sent[1:3] != [user, "hi"] or abs(sent[3] / 1000 - time.time()) > 600:
        sys.exit(f"the client of {name} reads {found} in place of {expected}")


def generate_go(url: str) -> None:
    """Compile the client and use it."""
    directory = openapi_generator("go")
    program = directory / "use" / "main.go"
    program.parent.mkdir()
    shutil.copy(PROGRAMS / "openapi_generator.go", program)
    run("go", "mod", "tidy", cwd=directory)
    use("openapi-generator-go", url, "go", "run", "./use", cwd=directory)


def generate_python(url: str) -> None:
    """Import the client with all its models, and use it."""
    directory = openapi_generator("python")
    python = prepare("pydantic==2.12.4", "python").parent / "python"
    run(python, "-m", "pip", "install", "-q", directory)
    run(python, "-c", "import gimapi, gimapi.models, gimapi.api")
    use("openapi-generator-python", url, python, PROGRAMS / "openapi_generator.py")


def generate_java(url: str) -> None:
    """Compile the client."""
    run("mvn", "-q", "-B", "compile", cwd=openapi_generator("java"))


def generate_oapi_codegen(url: str) -> None:
    """Compile the client of oapi-codegen."""
    directory, tools = CLIENTS / "oapi-codegen", CLIENTS / "bin"
    run("go", "install", OAPI_CODEGEN, GOBIN=str(tools))
    directory.mkdir()
    options = "-package", "gimapi", "-generate", "types,client"
    code = run(tools / "oapi-codegen", *options, DOCUMENT)
    (directory / "api.go").write_text(code)
    run("go", "mod", "init", "gimapi", cwd=directory)
    run("go", "mod", "tidy", cwd=directory)
    run("go", "build", "./...", cwd=directory)


def generate_typescript(url: str) -> None:
    """Check the types of openapi-typescript, and use openapi-fetch with them."""
    directory = CLIENTS / "typescript"
    directory.mkdir()
    run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *TYPESCRIPT, cwd=directory)
    tools = directory / "node_modules" / ".bin"
    run(tools / "openapi-typescript", DOCUMENT, "-o", "api.d.ts", cwd=directory)
    shutil.copy(PROGRAMS / "openapi_fetch.ts", directory)
    (directory / "package.json").write_text('{"type": "module"}')
    options = "--strict", "--target", "es2022", "--module", "nodenext"
    run(tools / "tsc", *options, "openapi_fetch.ts", "api.d.ts", cwd=directory)
    use("openapi-fetch", url, "node", "openapi_fetch.js", cwd=directory)


def generate_python_client(url: str) -> None:
    """Run openapi-python-client, which may warn of nothing, and use its client."""
    program, config = prepare(PYTHON_CLIENT), CLIENTS / "openapi-python-client.json"
    config.write_text('{"post_hooks": []}')  # no formatting
    directory = CLIENTS / "openapi-python-client"
    directory.mkdir()
    options = "--path", DOCUMENT, "--output-path", directory / "gimapi", "--config", config
    run(program, "generate", *options, "--meta", "none", "--fail-on-warning")
    shutil.copy(PROGRAMS / "openapi_python_client.py", directory)
    # the environment of the generator has what the client imports
    python = program.parent / "python"
    use("openapi-python-client", url, python, "openapi_python_client.py", cwd=directory)


def generate_proto(url: str) -> None:
    """Compile gim.proto for Go, with the package that it names."""
    directory, tools = CLIENTS / "proto", CLIENTS / "bin"
    run("go", "install", PROTOC_GEN_GO, GOBIN=str(tools))
    directory.mkdir()
    protoc = sys.executable, "-m", "grpc_tools.protoc", "-I", ROOT / "gim" / "wire", "gim.proto"
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    run(*protoc, f"--go_out={directory}", PATH=path)
    run("go", "mod", "init", "gim", cwd=directory)
    run("go", "mod", "tidy", cwd=directory)
    run("go", "build", "./...", cwd=directory)


class Generator(NamedTuple):
    """What makes and checks a client of the API at a URL, and the programs that it needs."""

    generate: Callable[[str], None]
    needs: tuple[str, ...]


GENERATORS = {
    "openapi-generator-go": Generator(generate_go, ("go", "java", "mvn")),
    "openapi-generator-python": Generator(generate_python, ("java", "mvn")),
    "openapi-generator-java": Generator(generate_java, ("java", "mvn")),
    "oapi-codegen": Generator(generate_oapi_codegen, ("go",)),
    "openapi-typescript": Generator(generate_typescript, ("npm", "node")),
    "openapi-python-client": Generator(generate_python_client, ()),
    "protoc-gen-go": Generator(generate_proto, ("go",)),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.clients")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(GENERATORS))
    names = parser.parse_args().names or GENERATORS
    for directory in (each for each in CLIENTS.glob("*") if each.is_dir() and each.name != "bin"):
        shutil.rmtree(directory)
    CLIENTS.mkdir(parents=True, exist_ok=True)
    with serving() as url:
        with urlopen(f"{url}/openapi.json") as response:
            DOCUMENT.write_bytes(response.read())
        for name in names:
            missing = [program for program in GENERATORS[name].needs if not shutil.which(program)]
            if missing:
                print(f"{name}: left out, as {', '.join(missing)} is missing")
                continue
            GENERATORS[name].generate(url)
            print(f"{name}: good", flush=True)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all that was started is stopped
    sys.exit(main())
