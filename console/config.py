"""`millrace config`: every setting, its value, and where that came from."""

from typing import Annotated

import typer


def config(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every setting, its value and where it comes from.

    A flag beats the environment (MILLRACE_BROKER, MILLRACE_TOPIC_PREFIX, ...), which beats the file (--config, else
    MILLRACE_CONFIG, else millrace.toml in this folder), which beats the default. Relative paths in the file start at
    its own folder. Secrets are masked.

    A file:
      broker = "kafka-1:9092,kafka-2:9092"
      partitions = 48
      replication = 3
      tools_path = ["./tools"]
    """
    from console.render import print_json, print_table
    from console.settings import KNOWN, Settings, load_with_origins
    from console.sources import strange_variables

    settings, origins = load_with_origins()
    values = settings.model_dump(mode="json")
    if json:
        print_json({name: {"value": values[name], "origin": origins.of[name]} for name in values})
    else:
        fields = Settings.model_fields
        print_table(
            ("setting", "value", "from", "meaning"),
            [(name, _shown(values[name]), origins.of[name], fields[name].description) for name in values],
        )
    for variable in strange_variables(KNOWN):
        typer.echo(f"warning: the variable {variable}", err=True)


def _shown(value: object) -> str:
    if value is None:
        return "–"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
