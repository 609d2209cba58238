"""What is known of modules, names and attributes: which depend on nothing but their arguments."""

from __future__ import annotations

import argparse

PURE_MODULES = frozenset({
    "abc", "ast", "bisect", "builtins", "cmath", "collections", "contextlib", "copy", "copyreg",
    "dataclasses", "decimal", "enum", "fractions", "functools", "heapq", "inspect", "itertools",
    "keyword", "math", "numbers", "operator", "re", "statistics", "string", "struct", "textwrap",
    "types", "typing", "warnings", "weakref",
})  # fmt: skip
"""Modules of the standard library whose functions give the same for the same arguments."""

PURE_CLASSES: frozenset[type] = frozenset({argparse.Namespace})
"""Classes of other modules that hold attributes and do nothing else."""

IMPURE_NAMES = {
    "print": "prints",
    "input": "reads what is typed",
    "open": "opens a file",
    "breakpoint": "stops in a debugger",
    "is_grad_enabled": "asks whether gradients are recorded",
    "is_inference_mode_enabled": "asks whether gradients are recorded",
    "requires_grad": "looks at which tensors are differentiated",
    "is_leaf": "looks at which tensors are differentiated",
    "grad_fn": "looks at which tensors are differentiated",
    "grad": "looks at gradients",
    "register_hook": "hooks into the reverse pass",
    "retain_grad": "hooks into the reverse pass",
}
"""Names that say that a function does more than compute with numbers."""

REFLECTION = frozenset({
    "getattr", "setattr", "hasattr", "vars", "dir", "eval", "exec", "globals", "locals",
    "attrgetter", "__dict__", "__getattr__", "__getattribute__", "asdict", "astuple", "fields",
    "parameters", "named_parameters", "buffers", "named_buffers", "children", "named_children",
    "modules", "named_modules", "state_dict", "get_parameter", "get_buffer", "get_submodule",
    "_parameters", "_buffers", "_modules",
})  # fmt: skip
"""Names by which attributes may be read whose names do not occur in the code."""

REGISTRIES = frozenset({"_parameters", "_buffers", "_modules"})
"""Where modules keep what is read as attributes of theirs."""

ALWAYS_READ = REGISTRIES | {"training", "parametrizations"}
"""Attributes of modules that torch reads."""

UNREAD = {
    "QNode": {"_tape", "_qfunc_output", "_init_args"},
    "Device": {"tracker", "_pipelines", "_debugger", "_random", "_capabilities"},
    "ReadoutSource": {"_known", "_used_up"},
    "Twin": {"recipe", "last_wires", "_compiler", "_placed"},
    "ModelTwin": {"last"},
    # What is left of noise are the numbers that may be tensors: the rest never changes.
    "Noise": {"calibration", "compilation", "errors", "ignored", "layers", "_known"},
    "TorchLayer": {"_trace_cache"},
    "TorchCircuit": {"_trace_cache", "_qnode"},
}
"""Attributes of PennyLane's objects that have no influence on exact results, or change with each
call."""
