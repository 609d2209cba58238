"""
VQE of the hydrogen molecule under noise
========================================

A variational quantum eigensolver finds the energy curve of H2, first on a perfect machine and then
with depolarizing noise after every CNOT. All bond lengths and all noise strengths are one batch.
Adam, LBFGS and Newton's method with an exact Hessian are compared, and derivatives by the strength
of the noise tell what a gate error costs in energy and extrapolate to zero noise.

.. image:: images/sphx_glr_vqe_002.png
    :alt: Energy of H2 against bond length without and with noise, exact and extrapolated; errors
    :width: 100%

Energies are in hartree and lengths in ångström. The device is ``qizgloria.mixed`` without shots,
because everything below rests on exact energies and exact derivatives.
"""

# sphinx_gallery_thumbnail_number = 2

import argparse

import matplotlib.pyplot as plt
import numpy as np
import pennylane as qml
import torch

parser = argparse.ArgumentParser(
    description="VQE of H2 with depolarizing noise after every CNOT.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--lengths", type=int, default=15, help="bond lengths from 0.4 to 2.5 angstrom")
parser.add_argument(
    "--noise", type=float, nargs="+", default=[0.001, 0.005], help="depolarizing probabilities"
)
parser.add_argument("--adam-steps", type=int, default=120, help="steps of Adam in the comparison")
parser.add_argument("--seed", type=int, default=1, help="seed of the first angles")
args = parser.parse_args()

torch.manual_seed(args.seed)

# %%
# The molecule
# ------------
# PennyLane computes the Hamiltonian in the minimal basis STO-3G, by Hartree-Fock integrals and a
# Jordan-Wigner transform onto four qubits. The same 15 Pauli words come at every bond length; only
# their coefficients change. So the circuit measures the words, and a table of coefficients makes
# energies of them.


def hamiltonian(length):
    atoms = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, length]])
    molecule = qml.qchem.Molecule(["H", "H"], atoms, unit="angstrom")
    return qml.qchem.molecular_hamiltonian(molecule)[0]


lengths = np.geomspace(0.4, 2.5, args.lengths)  # closer together near the minimum
hamiltonians = [hamiltonian(length) for length in lengths]
words = list(hamiltonians[0].pauli_rep)
coefficients = np.array([[h.pauli_rep[word] for word in words] for h in hamiltonians])
coefficients = torch.from_numpy(coefficients)
matrices = np.array([qml.matrix(h, wire_order=range(4)) for h in hamiltonians])
exact = np.linalg.eigvalsh(matrices)[:, 0]
print(f"{len(words)} Pauli words; lowest energy {exact.min():.5f} Ha")

# %%
# The circuit
# -----------
# From the Hartree-Fock state, two single excitations and one double excitation reach the ground
# state. ``qml.transforms.decompose`` writes them in gates that a machine has, among them 18 CNOTs,
# and a noise model puts a depolarizing channel on both wires of each CNOT. Its strength is an
# argument, so that it can be a batch, or be differentiated.

observables = [word.operation(wire_order=range(4)) for word in words]


@qml.transforms.decompose(gate_set={"X", "RX", "RY", "RZ", "Hadamard", "CNOT"})
@qml.qnode(qml.device("qizgloria.mixed", wires=4))
def circuit(first, second, both):
    qml.X(0)
    qml.X(1)
    qml.SingleExcitation(first, wires=[0, 2])
    qml.SingleExcitation(second, wires=[1, 3])
    qml.DoubleExcitation(both, wires=[0, 1, 2, 3])
    return [qml.expval(observable) for observable in observables]


def energy(angles, strength, coefficients):
    def depolarize(gate, **_):
        for wire in gate.wires:
            qml.DepolarizingChannel(strength, wires=wire)

    noise = qml.NoiseModel({qml.noise.op_eq(qml.CNOT): depolarize})
    expectations = qml.add_noise(circuit, noise)(*angles.unbind(-1))
    return (coefficients * torch.stack(expectations, dim=-1)).sum(-1)


# %%
# Adam, LBFGS and Newton
# ----------------------
# The optimisers of ``torch.optim`` work on the angles as on any tensor. One bond length, about 1.5
# Å, and one noise strength serve to compare them, from the same random angles near the Hartree-Fock
# state. Energies are recorded at every evaluation.

middle = int(np.abs(lengths - 1.5).argmin())
strength = torch.tensor(args.noise[0], dtype=torch.float64)
start = 0.1 * torch.randn(3, dtype=torch.float64)


def minimise(optimiser, angles, steps):
    energies = []

    def closure():
        optimiser.zero_grad()
        value = energy(angles, strength, coefficients[middle])
        value.backward()
        energies.append(value.item())
        return value

    for _ in range(steps):
        optimiser.step(closure)
    return energies


angles = torch.nn.Parameter(start.clone())
by_adam = minimise(torch.optim.Adam([angles], lr=0.1), angles, args.adam_steps)

angles = torch.nn.Parameter(start.clone())
lbfgs = torch.optim.LBFGS(
    [angles], line_search_fn="strong_wolfe", tolerance_grad=1e-10, tolerance_change=1e-14
)
by_lbfgs = minimise(lbfgs, angles, 1)

# %%
# Newton's method needs the Hessian. ``torch.func.hessian`` differentiates the noisy circuit twice,
# exactly, so that each step squares the error.

gradient, hessian = torch.func.grad(energy), torch.func.hessian(energy)
angles, by_newton = start, []
for _ in range(6):
    point = (angles, strength, coefficients[middle])
    by_newton.append(energy(*point).item())
    angles = angles - torch.linalg.solve(hessian(*point), gradient(*point))

minimum = min(by_lbfgs + by_newton)
for name, energies in (("Adam", by_adam), ("LBFGS", by_lbfgs), ("Newton", by_newton)):
    needed = np.argmax(np.array(energies) - minimum < 1e-6)
    print(
        f"{name:7s} within 1e-6 Ha after {needed:2d} evaluations, in the end {energies[-1]:.8f} Ha"
    )

# %%
# A Hessian also tells what has been found. Its eigenvalues are positive here, so this is a minimum.
# Newton's method by itself looks for any point of no slope: at 2.5 Å the Hartree-Fock state, where
# all angles are zero, is so far from the minimum that the same steps end on a maximum, and the
# eigenvalues say so. Check them, or take a line search, as LBFGS does here.

curvature = torch.linalg.eigvalsh(hessian(angles, strength, coefficients[middle]))

lost = torch.zeros(3, dtype=torch.float64)
for _ in range(6):
    point = (lost, strength, coefficients[-1])
    lost = lost - torch.linalg.solve(hessian(*point), gradient(*point))
curvature_lost = torch.linalg.eigvalsh(hessian(lost, strength, coefficients[-1]))

print(f"eigenvalues at {lengths[middle]:.2f} Å:", curvature.numpy().round(4))
print(f"eigenvalues at {lengths[-1]:.2f} Å:", curvature_lost.numpy().round(4))

fig, ax = plt.subplots(figsize=(7, 4))
for energies, style in ((by_adam, "-"), (by_lbfgs, "s-"), (by_newton, "o-")):
    ax.semilogy(np.maximum(np.array(energies) - minimum, 1e-15), style)
ax.set(
    xlabel="evaluations of the energy and its derivatives", ylabel="energy above the minimum (Ha)"
)
ax.legend(["Adam", "LBFGS", "Newton"])
plt.show()

# %%
# The energy curve
# ----------------
# The angles of all bond lengths and all noise strengths are one batch, which runs as one circuit.
# The energies do not depend on each other's angles, so LBFGS may minimise their sum.

strengths = torch.tensor([0.0, *args.noise], dtype=torch.float64)
batch_strengths = strengths.repeat_interleave(len(lengths))
batch_coefficients = coefficients.repeat(len(strengths), 1)

angles = torch.nn.Parameter(torch.zeros(len(batch_strengths), 3, dtype=torch.float64))
lbfgs = torch.optim.LBFGS(
    [angles],
    max_iter=100,
    line_search_fn="strong_wolfe",
    tolerance_grad=1e-8,
    tolerance_change=1e-12,
)


def total_energy():
    lbfgs.zero_grad()
    value = energy(angles, batch_strengths, batch_coefficients).sum()
    value.backward()
    return value


lbfgs.step(total_energy)
angles = angles.detach()
without_noise = energy(angles, batch_strengths, batch_coefficients)[: len(lengths)].numpy()
worst = np.abs(without_noise - exact).max()
print(f"without noise within {worst:.0e} Ha of exact diagonalisation at every bond length")

# %%
# What noise costs
# ----------------
# The derivative of the energy by the noise strength is one more gradient. At a minimum the angles'
# own changes do not count, in first order, so that this derivative is also that of the optimised
# energy. It says how good the CNOTs must be for *chemical accuracy*, 1.6 mHa: their depolarizing
# probability must stay below 1.6 mHa divided by the derivative at zero noise.

p = batch_strengths.clone().requires_grad_()
energies = energy(angles, p, batch_coefficients)
(slopes,) = torch.autograd.grad(energies.sum(), p, create_graph=True)
(bends,) = torch.autograd.grad(slopes.sum(), p)
shape = (len(strengths), len(lengths))
energies, slopes, bends = (x.detach().reshape(shape).numpy() for x in (energies, slopes, bends))

needed = 1.6e-3 / slopes[0]
print(f"dE/dp without noise: {slopes[0].min():.1f} to {slopes[0].max():.1f} Ha")
print(f"chemical accuracy needs CNOTs with p below {needed.min():.1e} to {needed.max():.1e}")

# %%
# The other way round, the first and second derivative at a noisy point extrapolate to zero noise,
# :math:`E(0) \approx E(p) - p\,E'(p) + \tfrac12 p^2 E''(p)`, without running the circuit at other
# strengths. An experiment cannot differentiate its noise and has to amplify it instead; the
# simulation shows what the best fit of second order could reach. What remains is the third order,
# and an error that no extrapolation removes: the angles that were optimal under noise are not those
# that are optimal without.

p = strengths[:, None].numpy()
extrapolated = energies - p * slopes + p**2 / 2 * bends

print("\nlargest error over all bond lengths (mHa)\n     p      VQE  extrapolated")
for k in range(1, len(strengths)):
    errors = 1e3 * np.abs(np.stack([energies[k], extrapolated[k]]) - exact).max(axis=1)
    print(f"{strengths[k]:6.3f} {errors[0]:8.2f} {errors[1]:13.2f}")

# %%
# Each thousandth of noise lifts the whole curve by tens of millihartree, far above chemical
# accuracy. The extrapolated energies of both strengths lie below that line at every bond length.

fig, (top, bottom) = plt.subplots(2, figsize=(7, 6.5), sharex=True, layout="constrained")
top.plot(lengths, exact, color="black", label="exact diagonalisation")
top.plot(lengths, energies[0], "ko", mfc="none", ms=9, label="VQE without noise")
for k, p in enumerate(args.noise, start=1):
    (line,) = top.plot(lengths, energies[k], "o:", ms=5, label=f"VQE, p = {p:g}")
    colour = line.get_color()
    top.plot(lengths, extrapolated[k], "x", color=colour, label=f"p = {p:g} extrapolated to 0")
    bottom.semilogy(lengths, 1e3 * np.abs(energies[k] - exact), "o:", ms=5, color=colour)
    bottom.semilogy(lengths, 1e3 * np.abs(extrapolated[k] - exact), "x:", color=colour)
bottom.axhline(1.6, color="black", ls="--")
bottom.text(lengths[-1], 1.9, "chemical accuracy", ha="right", va="bottom")
top.set(ylabel="energy (Ha)")
top.legend(loc="upper right", ncols=2)
bottom.set(xlabel="bond length (Å)", ylabel="error (mHa)")
plt.show()
