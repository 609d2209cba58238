"""
Precision, compilation and placement
====================================

What single precision, autocast, ``torch.compile`` and a GPU do to a model with a noisy circuit in
it: what to set, and what it brings, measured. You will see that single precision errs by about
1e-7, that autocast keeps off the circuit, and that ``torch.compile`` makes one graph of a model,
the circuit included.

.. image:: images/sphx_glr_precision_001.png
    :alt: Error of single precision, and time of a training step in both precisions, by wires
    :width: 100%

The device is ``qizgloria.mixed`` without shots: with shots, sampling errors would hide those of
rounding.
"""

import argparse
import time

import matplotlib.pyplot as plt
import numpy as np
import pennylane as qml
import torch
from torch import nn

from pennylane_qizgloria import TorchLayer

parser = argparse.ArgumentParser(
    description="Measure what precision, compilation and placement bring to a hybrid model.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--wires", type=int, nargs="+", default=[2, 4, 6, 8], help="sizes to measure")
parser.add_argument("--batch", type=int, default=16, help="inputs in a batch")
parser.add_argument("--repeats", type=int, default=15, help="calls of which the median is taken")
parser.add_argument("--backend", default="inductor", help="of torch.compile; aot_eager is quick")
args = parser.parse_args()
torch.manual_seed(0)

# %%
# The circuit
# -----------
# Two layers of rotations, depolarizing noise and a ring of CNOTs. ``r_dtype`` sets the precision of
# the simulation. It is double unless said otherwise, whatever the dtype of the inputs.


def quantum(wires, r_dtype=np.float64):
    @qml.qnode(qml.device("qizgloria.mixed", wires=wires, r_dtype=r_dtype))
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(wires), rotation="Y")
        for layer in weights:
            for wire in range(wires):
                qml.Rot(*layer[wire], wires=wire)
                qml.DepolarizingChannel(0.02, wires=wire)
            for wire in range(wires):
                qml.CNOT(wires=[wire, (wire + 1) % wires])
        return [qml.expval(qml.Z(wire)) for wire in range(wires)]

    return TorchLayer(circuit, {"weights": (2, wires, 3)})


def milliseconds(model, x):
    times = []
    for k in range(12 + args.repeats):
        start = time.perf_counter()
        model(x).sum().backward()
        if k >= 12:  # before that, the circuit is analysed and traced
            times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times))


# %%
# Single precision
# ----------------
# Both simulations get the same numbers, in double precision, so that only the simulation differs. A
# state in single precision takes half of the memory. Half of the time is what large states can gain
# by it; small circuits are overhead, which does not depend on the precision.

errors, gradient_errors, times = [], [], []
print("wires   error of values   of gradients   ms in double   in single")
for wires in args.wires:
    double, single = quantum(wires).double(), quantum(wires, np.float32).double()
    single.load_state_dict(double.state_dict())
    x = torch.rand(args.batch, wires, dtype=torch.float64)
    times.append([milliseconds(double, x), milliseconds(single, x)])
    errors.append((double(x) - single(x)).abs().max().item())
    (by_double,) = torch.autograd.grad(double(x).sum(), double.parameters())
    (by_single,) = torch.autograd.grad(single(x).sum(), single.parameters())
    gradient_errors.append((by_double - by_single).abs().max().item())
    print(
        f"{wires:5d} {errors[-1]:17.1e} {gradient_errors[-1]:14.1e} {times[-1][0]:14.1f} "
        f"{times[-1][1]:11.1f}"
    )

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.semilogy(args.wires, gradient_errors, "s-", label="gradients of a batch")
left.semilogy(args.wires, errors, "o-", label="values")
left.axhline(torch.finfo(torch.float32).eps, color="gray", ls="--", label="machine precision")
left.set(xlabel="wires", ylabel="largest error of single precision", xticks=args.wires)
right.semilogy(args.wires, times, "o-", label=["double", "single"])
right.set(xlabel="wires", ylabel="time of a training step (ms)", xticks=args.wires)
left.legend()
right.legend()
plt.show()

# %%
# Autocast
# --------
# Under ``torch.autocast`` the layers of the network compute in half precision. The circuit does
# not: its inputs arrive in half precision, it is simulated as ever, and only its results are
# rounded. What autocast speeds up are large networks on hardware with half precision; it makes no
# circuit faster.


class Hybrid(nn.Module):
    def __init__(self, wires=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, wires))
        self.quantum = quantum(wires)
        self.head = nn.Linear(wires, 1)

    def forward(self, x):
        return self.head(self.quantum(self.encoder(x)))


model, x = Hybrid(), torch.rand(args.batch, 64)
target = torch.rand(args.batch, 1)

for dtype in (torch.bfloat16, torch.float16):
    with torch.autocast("cpu", dtype=dtype):
        angles = model.encoder(x)
        values = model.quantum(angles)
    exact = model.quantum(angles.float())
    rounded = torch.equal(values, exact.to(dtype))
    print(f"{dtype}: angles {angles.dtype}, results of the circuit rounded from exact: {rounded}")

# %%
# In ``float16`` small gradients underflow. ``GradScaler`` multiplies the loss before the reverse
# pass and divides the gradients after it. The circuit's reverse pass is linear in what comes in, so
# that it needs nothing special. ``backward`` is called outside of the autocast region.


def gradients(scaler):
    model.zero_grad()
    with torch.autocast("cpu", dtype=torch.float16):
        loss = nn.functional.mse_loss(model(x).float(), target)
    scaler.scale(loss).backward()
    scaler.unscale_(optimiser)
    return {name: w.grad.clone() for name, w in model.named_parameters()}


optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
plain = gradients(torch.amp.GradScaler("cpu", enabled=False))
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
scaled = gradients(scaler)
scaler.step(optimiser)
scaler.update()

for name in plain:
    difference = (scaled[name] - plain[name]).norm() / plain[name].norm()
    print(f"{name:17s} gradients differ by {difference:.1e} of their norm")

# %%
# The circuit's own weights get the same gradient in any case. Those of the encoder, which go
# through half precision, differ in the rounding of ``float16``, whose precision is 1e-3.
#
# torch.compile
# -------------
# A circuit is nothing to compile: its simulation is compiled already. In the program that
# ``torch.compile`` makes it is one operator with a gradient, so that the graph does not break, and
# what comes before and after is compiled. The default backend, ``inductor``, needs a C++ compiler,
# and its first call takes a while.

chain = nn.Sequential(model.encoder, model.quantum, model.head)
graphs = {}
for name, module in (("Hybrid", model), ("nn.Sequential", chain)):
    graphs[name] = torch._dynamo.explain(module)(x).graph_count
    print(f"{name}: {graphs[name]} compiled graphs")

torch._dynamo.reset()
compiled = torch.compile(model, fullgraph=True, backend=args.backend)
start = time.perf_counter()
compiled(x).sum().backward()
compile_seconds = time.perf_counter() - start
compiled_error = (compiled(x) - model(x)).abs().max().item()
step, compiled_step = milliseconds(model, x), milliseconds(compiled, x)
print(f"{args.backend}: {compile_seconds:.0f} s to compile")
print(f"a step takes {compiled_step:.1f} ms, and {step:.1f} ms without compilation")

# %%
# For a small network like this one there is next to nothing to gain. Compile where the classical
# part is what takes the time.
#
# Placement
# ---------
# A module and its inputs are moved as in any torch model, and the simulation runs where they are.
# The same lines serve with and without a GPU.

place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
layer = quantum(args.wires[-1]).to(place)
x = torch.rand(args.batch, args.wires[-1]).to(place)
on_place = layer(x)
print(f"{args.wires[-1]} wires on {on_place.device}: {milliseconds(layer, x):.1f} ms a step")
if place.type == "cpu":
    print("torch sees no GPU here")
