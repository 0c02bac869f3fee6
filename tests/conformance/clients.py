"""Generate clients of the HTTP API and of gim.proto with other projects' generators, and compile them.

    python -m tests.conformance.clients [NAME ...]

Each name is a key of `GENERATORS`, all of them by default. The client in Go also logs in and sends a
message. A generator whose tools (go, npm with node, mvn with java) are missing is named and left out. All
files are in build/clients.
"""

from __future__ import annotations

import argparse
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

OPENAPI_GENERATOR = "org.openapitools:openapi-generator-cli:7.14.0"
OAPI_CODEGEN = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"
PROTOC_GEN_GO = "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12"
TYPESCRIPT = ("openapi-typescript@7.13.0", "typescript@5.9.3")
PYTHON_CLIENT = "openapi-python-client==0.29.1"
LIMIT = 900  # seconds for one command

GO_MAIN = """package main

import (
	"context"
	"fmt"
	"os"

	gim "github.com/GIT_USER_ID/GIT_REPO_ID"
)

func main() {
	configuration := gim.NewConfiguration()
	configuration.Servers[0].URL = os.Args[1]
	client, ctx := gim.NewAPIClient(configuration), context.Background()
	login, _, err := client.UsersAPI.Login(ctx).LoginRequest(*gim.NewLoginRequest("ann")).Execute()
	if err != nil {
		panic(err)
	}
	ctx = context.WithValue(ctx, gim.ContextAccessToken, login.Data.Token)
	request := gim.NewSendRequest(2, "bob", "hi")
	sent, _, err := client.MessagesAPI.Send(ctx).SendRequest(*request).Execute()
	if err != nil {
		panic(err)
	}
	fmt.Println(sent.Data.CreatedAt)
}
"""


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


def generate_go(url: str) -> None:
    """Compile the client, log in and send with it."""
    directory = openapi_generator("go")
    program = directory / "send" / "main.go"
    program.parent.mkdir()
    program.write_text(GO_MAIN)
    run("go", "mod", "tidy", cwd=directory)
    created_ms = int(run("go", "run", "./send", url, cwd=directory))
    if abs(created_ms / 1000 - time.time()) > 600:
        sys.exit(f"the client of Go reads {created_ms} for the time of a message")


def generate_python(url: str) -> None:
    """Import the client with all its models."""
    directory = openapi_generator("python")
    python = prepare("pydantic==2.12.4", "python").parent / "python"
    run(python, "-m", "pip", "install", "-q", directory)
    run(python, "-c", "import gimapi, gimapi.models, gimapi.api", cwd=directory.parent)


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
    """Check the types of openapi-typescript."""
    directory = CLIENTS / "typescript"
    directory.mkdir()
    run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *TYPESCRIPT, cwd=directory)
    tools = directory / "node_modules" / ".bin"
    run(tools / "openapi-typescript", DOCUMENT, "-o", "api.d.ts", cwd=directory)
    run(tools / "tsc", "--strict", "--noEmit", "api.d.ts", cwd=directory)


def generate_python_client(url: str) -> None:
    """Run openapi-python-client, which may warn of nothing."""
    program, config = prepare(PYTHON_CLIENT), CLIENTS / "openapi-python-client.json"
    config.write_text('{"post_hooks": []}')  # no formatting
    options = "--path", DOCUMENT, "--output-path", CLIENTS / "openapi-python-client", "--config", config
    run(program, "generate", *options, "--meta", "none", "--fail-on-warning")


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
