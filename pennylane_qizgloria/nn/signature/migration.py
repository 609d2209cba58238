"""What code for qiskit-machine-learning gives to `TorchCircuit`: its networks, names, checkpoints.

The library itself is not imported: its networks are known by their attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from difflib import get_close_matches
from typing import Any

from ...user_warnings import warn

_RENAMED = {"input_params": "inputs", "weight_params": "weights"}
"""Arguments of EstimatorQNN and SamplerQNN, and their names here."""

_ELSEWHERE = {
    **{
        name: f"Give quantum_device='qizgloria.qiskit' and device_options={{{name!r}: ...}}."
        for name in ("estimator", "sampler", "pass_manager", "backend", "noise_model")
    },
    "readout_prob": "Give device_options={'readout_prob': ...}.",
    "gradient": "The method of differentiation is diff_method=.",
    "input_gradients": "Inputs get gradients wherever they require them; leave it out.",
    "default_precision": "Give shots=, the number 1 / precision**2.",
    "neural_network": "Give the network as the first argument.",
}
"""Arguments of a network, a TorchConnector or a device, and what takes their place here."""


def translated(
    given: Mapping[str, Any], others: Mapping[str, Any], known: Iterable[str]
) -> dict[str, Any]:
    """The arguments that say what a module's circuit is, in this package's terms.

    Args:
        given: those arguments; None and False stand for ones that are not given.
        others: keyword arguments that `TorchCircuit` does not have.
        known: the names of all that it has.

    Raises:
        TypeError: if one of ``others`` is unknown; it says what is meant, or what to give instead.
        ValueError: if something is given twice.
    """
    found = dict(given)
    for more in (_renamed(others, known), arguments_of_network(given["circuit"])):
        for name in more:
            if name != "circuit" and found[name] is not None and found[name] is not False:
                raise ValueError(
                    f"{name} is given twice: as an argument, and by its name in "
                    "qiskit-machine-learning or in the network. Leave one out."
                )
        found |= more
    return found


def by_former_name(others: dict[str, Any], former: str, name: str, value: Any) -> Any:
    """The value of an argument, which may be given by the name that it had before.

    Args:
        others: keyword arguments that there are not; the former name is taken out.
        former: the former name.
        name: the name.
        value: what is given by that name.
    """
    if former not in others:
        return value
    warn(f"TorchCircuit({former}=...) is called {name}= now.", FutureWarning)
    return others.pop(former)


def arguments_of_network(network: Any) -> dict[str, Any]:
    """An EstimatorQNN or a SamplerQNN as arguments of `TorchCircuit`; nothing if it is neither.

    Its primitive, gradient and pass manager are not among them: the device runs the circuit.
    """
    if not all(hasattr(network, name) for name in ("circuit", "input_params", "weight_params")):
        return {}
    found = {
        "circuit": network.circuit,
        "inputs": network.input_params,
        "weights": network.weight_params,
    }
    if hasattr(network, "observables"):
        return found | {"observables": list(network.observables)}
    # Without an interpretation of the user's this is the identity, and a shape by qubits.
    read = {"interpret": network.interpret, "output_shape": network.output_shape}
    return found | read | {"sparse": network.sparse}


def _renamed(others: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    for name in others:
        if name in _RENAMED:
            continue
        near = get_close_matches(name, [*known, *_RENAMED, *_ELSEWHERE], n=1, cutoff=0.7)
        guess = f"Did you mean {near[0]!r}? {_ELSEWHERE.get(near[0], '')}" if near else ""
        hint = _ELSEWHERE.get(name) or guess
        raise TypeError(f"TorchCircuit has no argument {name!r}. {hint}".rstrip())
    return {_RENAMED[name]: value for name, value in others.items()}


def rename_weights(state_dict: MutableMapping[str, Any], prefix: str) -> None:
    """Take the weights of a TorchConnector's checkpoint, in place, for a circuit's.

    It saves one tensor under the names ``weight`` and ``_weights``; older versions, under the
    latter only.
    """
    if prefix + "_weights" in state_dict:
        found = state_dict.pop(prefix + "_weights")
        state_dict.setdefault(prefix + "weight", found)
