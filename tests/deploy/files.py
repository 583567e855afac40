"""The files in `deploy/`, read as those who use them read them."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parents[2] / "deploy"

_REFERENCE: Final = re.compile(r"\$\{(\w+)(?::[?-]([^}]*))?\}")


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(text("compose.yaml"))
    return read


def kubernetes() -> dict[str, Any]:
    """Return the objects by their kind; there is one of each."""
    return {each["kind"]: each for each in yaml.safe_load_all(text("kubernetes.yaml"))}


def text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def compose_environment(service: str, values: dict[str, str]) -> dict[str, str]:
    """Return the variables of a service, with these values where the file refers to some."""
    variables: dict[str, object] = compose()["services"][service]["environment"]
    return {
        name: _REFERENCE.sub(lambda found: values.get(found[1], ""), str(value)) for name, value in variables.items()
    }


def kubernetes_environment(values: dict[str, str]) -> dict[str, str]:
    """Return the variables of the container, with these values where the file refers to the secret."""
    container = kubernetes()["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    return {
        each["name"]: each["value"] if "value" in each else values.get(each["valueFrom"]["secretKeyRef"]["key"], "")
        for each in container["env"]
    }
