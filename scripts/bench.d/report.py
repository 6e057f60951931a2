"""The figures as a table."""

from typing import Any

ROWS = [
    ("raw ack, p50", "raw_ack_ms_p50", "ms", ""),
    ("W1: chain of 10, per step, p50", "w1_ms_per_step_p50", "ms", ""),
    ("W1: p99", "w1_ms_per_step_p99", "ms", ""),
    ("W1: ratio to the raw ack", "w1_to_raw_ack", "×", "≤ 1.6"),
    ("W2: 500 such runs at once", "w2_steps_per_s", "steps/s", "≥ 5,000"),
    ("W2: the best of three", "w2_steps_per_s_best", "steps/s", ""),
    ("W3: 100 parallel steps and a join, p50", "w3_ms_p50", "ms", "≤ 20"),
]


def table(found: dict[str, Any]) -> str:
    """Rows of workloads, columns of brokers, then the cost of the core."""
    brokers = [name for name in found if name != "core"]
    lines = ["".join([f"{'':42}", *(f"{name:>14}" for name in brokers), "   wanted"])]
    for label, key, unit, wanted in ROWS:
        figures = "".join(f"{found[name][key]:>14,.2f}" for name in brokers)
        lines.append(f"{label + ' (' + unit + ')':42}{figures}   {wanted}")
    for part in ("worker", "tool_host", "broker"):
        figures = "".join(f"{found[name]['w2_cpu_us_per_step'][part]:>14,.1f}" for name in brokers)
        lines.append(f"{'W2: CPU of the ' + part.replace('_', ' ') + ' (µs a step)':42}{figures}")
    lines.append(_restart("W4: W2 with a kill and a restart (s)", [found[name]["restart"] for name in brokers]))
    for name in brokers:
        lines += ["", f"Recovery, {name}:"]
        lines += [f"  {key.replace('_', ' '):40}{value:>12,.2f}" for key, value in found[name]["recovery"].items()]
    lines += ["", "The core alone, in one process:"]
    lines += [f"  {key.replace('_', ' '):40}{value:>12,.2f}" for key, value in found["core"].items()]
    return "\n".join(lines)


def _restart(label: str, found: list[dict[str, Any]]) -> str:
    """Wanted: at most twice the undisturbed time and two seconds; nothing lost, nothing twice."""
    figures = "".join(f"{one['killed_s']:>14,.2f}" for one in found)
    most = " / ".join(f"{2 * one['undisturbed_s'] + 2:.2f}" for one in found)
    wrong = sum(one["lost"] + one["twice"] for one in found)
    later = "".join(f"{one['taken_up_after_ready_s']:>14,.2f}" for one in found)
    lines = [f"{label:42}{figures}   ≤ {most}; lost or twice: {wrong}"]
    return "\n".join([*lines, f"{'W4: from ready to the last run going on (s)':42}{later}   ≤ 2"])
