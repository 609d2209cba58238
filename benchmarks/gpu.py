"""The simulator on a GPU: the same values and gradients as on the CPU, and how long they take.

Run with ``python benchmarks/gpu.py`` on a machine whose torch sees a GPU.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import pennylane as qml
import torch

from pennylane_qizgloria import QizgloriaMixed, TorchLayer

LAYERS = 2
SIZES = ((4, 1), (4, 1024), (8, 1), (8, 64), (10, 1), (10, 16), (12, 1))
"""Wires and elements of a batch."""

TWIN_SIZES = ((4, 1), (4, 1024), (8, 1), (8, 64), (10, 16))
"""The same for twins."""


def layered(wires: int, dtype: str) -> qml.QNode:
    """A circuit with noise after every gate and readout error."""

    def circuit(inputs, weights, strength):
        qml.AngleEmbedding(inputs, wires=range(wires))
        for layer in weights:
            for wire in range(wires):
                qml.Rot(*layer[wire], wires=wire)
                qml.DepolarizingChannel(strength, wires=wire)
            for wire in range(wires):
                qml.CNOT([wire, (wire + 1) % wires])
                qml.AmplitudeDamping(0.02, wires=wire)
        return [qml.expval(qml.Z(wire)) for wire in range(wires)]

    device = QizgloriaMixed(wires=wires, r_dtype=dtype, readout_prob=0.02)
    return qml.QNode(circuit, device, interface="torch")


def twin(
    wires: int, dtype: str, scale: object = 1.0, backend: str = "fake_sherbrooke"
) -> qml.QNode:
    """A circuit with the noise of a backend."""

    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(wires))
        for layer in weights:
            for wire in range(wires):
                qml.Rot(*layer[wire], wires=wire)
            for wire in range(wires - 1):
                qml.CNOT([wire, wire + 1])
        return [qml.expval(qml.Z(wire)) for wire in range(wires)]

    device = QizgloriaMixed(
        wires=wires, r_dtype=dtype, noise_model=backend, noise_scale=scale, seed_transpiler=1
    )
    return qml.QNode(circuit, device, interface="torch")


def arguments(wires: int, batch: int, dtype: torch.dtype, device: str) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(wires)
    inputs = torch.rand(batch, wires, generator=generator, dtype=torch.float64)
    weights = torch.rand(LAYERS, wires, 3, generator=generator, dtype=torch.float64)
    strength = torch.tensor(0.03, dtype=torch.float64)
    tensors = (inputs, weights, strength)
    return [x.to(device, dtype).detach().requires_grad_() for x in tensors]


def results(node: Callable, given: list[torch.Tensor]) -> list[torch.Tensor]:
    """Values, and the gradients of a sum of theirs."""
    values = torch.stack(node(*given))
    scale = torch.linspace(1, 2, len(values), dtype=values.dtype, device=values.device)
    return [values.detach(), *torch.autograd.grad((scale[:, None] * values).sum(), given)]


def seconds(function: Callable[[], object], budget: float) -> float:
    """The median time of a call on the GPU."""
    times: list[float] = []
    for _ in range(3):
        function()
    start = time.perf_counter()
    while len(times) < 5 or (time.perf_counter() - start < budget and len(times) < 200):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        function()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def check(dtype: torch.dtype, tolerance: float) -> None:
    """Compare values, gradients, shots and a layer with the CPU."""
    node = layered(5, str(dtype).removeprefix("torch."))
    both = [results(node, arguments(5, 3, dtype, device)) for device in ("cpu", "cuda")]
    for cpu, gpu in zip(*both, strict=True):
        assert gpu.is_cuda
        assert torch.allclose(cpu, gpu.cpu(), rtol=0, atol=tolerance), (cpu, gpu)
    shots = qml.set_shots(node, 100)(*(x.detach() for x in arguments(5, 3, dtype, "cuda")))
    assert abs(float(torch.as_tensor(shots[0]).mean())) <= 1
    shapes = {"weights": (LAYERS, 5, 3), "strength": ()}
    init = {"weights": both[0][2] * 0 + 0.3, "strength": torch.tensor(0.03, dtype=dtype)}
    layer = TorchLayer(node, shapes, init)
    inputs = arguments(5, 8, dtype, "cpu")[0].detach()
    expected = layer(inputs).detach()
    layer.cuda()
    for _ in range(15):
        found = layer(inputs.cuda())
    assert layer.is_traced, layer.untraced_reason
    assert torch.allclose(expected, found.detach().cpu(), rtol=0, atol=tolerance)
    print(f"{dtype}: values, gradients, a traced layer agree with the CPU within {tolerance:g}")


def check_twin(dtype: torch.dtype, tolerance: float) -> None:
    """Compare a twin with the CPU, its scale being on the GPU or not, and a layer on it."""
    name = str(dtype).removeprefix("torch.")
    found = {}
    for device, home in (("cpu", "cpu"), ("cuda", "cuda"), ("cuda", "cpu")):
        scale = torch.tensor(0.7, dtype=torch.float64, device=home, requires_grad=True)
        given = arguments(4, 3, dtype, device)[:2]
        node = twin(4, name, scale)
        found[device, home] = results(node, given)
        total = torch.stack(node(*given)).sum()
        found[device, home].append(torch.autograd.grad(total, scale)[0])
        if device == "cuda":
            assert all(own.is_cuda for own in found[device, home][:-1])
    expected = found.pop(("cpu", "cpu"))
    for own in found.values():
        for cpu, gpu in zip(expected, own, strict=True):
            assert torch.allclose(cpu, gpu.to(cpu), rtol=0, atol=tolerance), (cpu, gpu)
    layer = TorchLayer(twin(4, name), {"weights": (LAYERS, 4, 3)}, {"weights": expected[2]})
    inputs = arguments(4, 8, dtype, "cpu")[0].detach()
    cpu = layer(inputs).detach()
    layer.cuda()
    for _ in range(30):
        gpu = layer(inputs.cuda())
    assert layer.is_traced, layer.untraced_reason
    assert torch.allclose(cpu, gpu.detach().cpu(), rtol=0, atol=tolerance)
    print(f"{dtype}: a twin, its scale and a traced layer on it agree within {tolerance:g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=1.0, help="seconds for each figure")
    budget = parser.parse_args().budget
    warnings.filterwarnings("ignore")
    print(torch.cuda.get_device_name(), "torch", torch.__version__, "threads", end=" ")
    print(torch.get_num_threads())
    check(torch.float64, 1e-10)
    check(torch.float32, 1e-4)
    check_twin(torch.float64, 1e-10)
    check_twin(torch.float32, 1e-4)
    print("value and gradient, ms (median): cpu / gpu, ratio")
    for dtype in (torch.float64, torch.float32):
        for wires, batch in SIZES:
            measure("layered", layered, wires, batch, dtype, budget)
        for wires, batch in TWIN_SIZES:
            measure("twin", twin, wires, batch, dtype, budget)


def measure(
    what: str,
    make: Callable[[int, str], qml.QNode],
    wires: int,
    batch: int,
    dtype: torch.dtype,
    budget: float,
) -> None:
    """Print how long a call takes on each."""
    name = str(dtype).removeprefix("torch.")
    node = make(wires, name)
    times = []
    for device in ("cpu", "cuda"):
        given = arguments(wires, batch, dtype, device)
        own = given if make is layered else given[:2]
        times.append(1000 * seconds(lambda own=own: results(node, own), budget))
    cpu, gpu = times
    print(
        f"{what} {name} {wires:2} wires, batch {batch:4}: {cpu:9.2f} / {gpu:8.2f}, {cpu / gpu:.1f}"
    )


if __name__ == "__main__":
    main()
