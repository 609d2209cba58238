"""
The device by hand
==================

A QNode records a circuit, asks the device how to prepare it, runs it, and binds derivatives to the
arrays of an interface. Those who write tools of their own can do each step themselves. You will
prepare and run circuits, take Jacobians and their products with vectors, write an optimiser on top
of these, and work with readout errors, shot vectors, snapshots and the tracker: all without a
QNode.

.. image:: images/sphx_glr_device_by_hand_001.png
   :alt: Estimates of an expectation value and of its derivative by number of shots
   :width: 100%
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
import pennylane as qml
from pennylane.devices import ExecutionConfig
from pennylane.tape import QuantumScript

parser = argparse.ArgumentParser(
    description="Use the device's own methods, without a QNode.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--copies", type=int, default=20, help="estimates by number of shots")
parser.add_argument("--steps", type=int, default=30, help="steps of the optimiser")
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()

device = qml.device("qizgloria.mixed", wires=2, seed=args.seed)

# %%
# A circuit
# ---------
#
# A ``QuantumScript``, also called a tape, is a list of operations and a list of measurements. This
# one has a template with two angles, a snapshot, a channel, and two measurements.

operations = [
    qml.BasicEntanglerLayers([[0.4, 2.2]], wires=[0, 1], rotation=qml.RY),
    qml.Snapshot("before damping"),
    qml.AmplitudeDamping(0.1, wires=1),
]
tape = QuantumScript(operations, [qml.expval(qml.Z(1)), qml.probs(wires=[0, 1])])

# %%
# Preprocessing
# -------------
#
# The device completes a configuration, and gives the transforms that a circuit needs before it can
# run. ``device.preprocess(config)`` does both at once. The transforms write out the template, check
# wires and measurements, and defer mid-circuit measurements. They return a batch of circuits and a
# function that puts together the results of the batch.

config = device.setup_execution_config(ExecutionConfig(gradient_method="device"), tape)
transforms = device.preprocess_transforms(config)
batch, postprocess = transforms([tape])
for operation in batch[0].operations:
    print(operation)

# %%
# Execution
# ---------
#
# ``execute`` takes a circuit or a batch, and gives one result for each of its circuits: here a
# tuple of two, since there are two measurements.

(result,) = postprocess(device.execute(batch, config))
mean, probabilities = result
print(f"mean {mean:.4f}, probabilities {probabilities.round(4)}")

# %%
# Derivatives
# -----------
#
# Every parameter of the prepared circuit is trainable until we say otherwise: the two angles and
# the strength of the damping. ``compute_derivatives`` gives the Jacobian, a tuple over measurements
# of tuples over parameters. ``compute_vjp`` multiplies it by cotangents from the left, in one
# reverse pass; ``compute_jvp`` multiplies by tangents from the right, in one forward pass.
# Cotangents have the shape of the result, tangents that of the parameters.

print("the device differentiates:", device.supports_derivatives(config, batch[0]))
print("vector-Jacobian products:", device.supports_vjp(config, batch[0]))
print("Jacobian-vector products:", device.supports_jvp(config, batch[0]))

(jacobian,) = device.compute_derivatives(batch, config)
print("mean by angles and damping:", np.round(jacobian[0], 4))

cotangent = (1.0, np.array([0.0, 0.0, 0.0, 1.0]))
(vjp,) = device.compute_vjp(batch, [cotangent], config)
tangent = (1.0, 0.0, 0.0)
(jvp,) = device.compute_jvp(batch, [tangent], config)

matrix = np.vstack([jacobian[0], np.transpose(jacobian[1])])  # 5 results, 3 parameters
print("vjp:", np.round(vjp, 4), np.allclose(vjp, np.hstack(cotangent) @ matrix))
print("jvp:", np.hstack(jvp).round(4), np.allclose(np.hstack(jvp), matrix @ tangent))

# %%
# A tool of our own
# -----------------
#
# Gradient descent on the mean needs the value and one vector-Jacobian product, in one call, and no
# machine learning library. Only the angles are trained.

circuit = batch[0].copy(measurements=[qml.expval(qml.Z(1))], trainable_params=[0, 1])
angles = np.array([0.4, 2.2])
for _ in range(args.steps):
    circuit = circuit.bind_new_parameters(angles, [0, 1])
    value, gradient = device.execute_and_compute_vjp(circuit, 1.0, config)
    angles = angles - 0.5 * np.array(gradient)
print(f"mean {value:.4f} at angles {angles.round(3)}")

# %%
# The damping takes a qubit from 1 to 0 with a probability of 0.1, so the lowest mean is -0.8.
#
# Readout errors
# --------------
#
# A device with readout errors reports another mean. Here wire 1 reports a 0 as 1 with a probability
# of 0.02, and a 1 as 0 with a probability of 0.1. Every result of a detector has the error, and so
# have derivatives.

errors = {1: (0.02, 0.1)}
detector = qml.device("qizgloria.mixed", wires=2, readout_prob=errors, seed=args.seed)
circuit = batch[0].copy(measurements=[qml.expval(qml.Z(1))], trainable_params=[0, 1])
true_mean = float(device.execute(circuit, config))
reported_mean = float(detector.execute(circuit, config))
print(f"true mean {true_mean:.4f}, reported mean {reported_mean:.4f}")

# %%
# Shot vectors
# ------------
#
# A circuit knows its number of shots. A vector of several numbers gives a result for each of them:
# here 20 times 100, 1000 and 10 000 shots. The configuration is made anew, because with shots the
# device takes derivatives by parameter shifts. The tracker counts what runs: one circuit for the
# estimates and two shifted ones for each angle, with the shots of the whole vector each.

shots = (100, 1000, 10_000)
sampled = circuit.copy(shots=[(number, args.copies) for number in shots])
sampling = ExecutionConfig(gradient_method="device")
sampling = detector.setup_execution_config(sampling, sampled)
with qml.Tracker(detector) as tracker:
    estimates = np.array(detector.execute(sampled, sampling))
    slopes = np.array(detector.compute_derivatives(sampled, sampling))
estimates = estimates.reshape(len(shots), args.copies)
slopes = slopes.reshape(len(shots), args.copies, 2)[..., 1]  # by the second angle
print({name: tracker.totals[name] for name in ("executions", "shots", "derivatives")})
for number, row in zip(shots, estimates, strict=True):
    print(f"{number:6d} shots: {row.mean():.4f} ± {row.std():.4f}")

# %%
# Snapshots
# ---------
#
# ``qml.snapshots`` takes a circuit apart into one for each snapshot and one for the results. So a
# look at the state between two operations needs no QNode either. The state before the damping is
# pure.

tapes, collect = qml.snapshots(tape)
prepared, postprocess = transforms(tapes)
found = collect(postprocess(device.execute(prepared, config)))
state = found["before damping"]
print(f"{len(tapes)} circuits, purity {np.trace(state @ state).real:.4f}")

# %%
# What more shots bring
# ---------------------
#
# Small dots are single estimates, bars their mean and standard deviation. With a hundred times as
# many shots the standard deviation is about ten times smaller, for the mean and for the derivative.
# The estimates gather at what the detector reports, and not at the true value: more shots remove
# the noise of sampling, but not a readout error.

true_slope, reported_slope = (
    float(own.compute_derivatives(circuit, config)[1]) for own in (device, detector)
)
figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained")
labels = r"$\langle Z_1\rangle$", r"derivative of $\langle Z_1\rangle$ by the second angle"
panels = (estimates, true_mean, reported_mean), (slopes, true_slope, reported_slope)
for axis, label, (rows, true, reported) in zip(axes, labels, panels, strict=True):
    axis.axhline(true, color="C1", linestyle="--", label="exact, perfect detector")
    axis.axhline(reported, color="C2", label="exact, with readout errors")
    for number, row in zip(shots, rows, strict=True):
        spread = number * np.geomspace(0.8, 1.25, len(row))
        axis.plot(spread, row, ".", color="C0", alpha=0.3)
    means, deviations = rows.mean(1), rows.std(1)
    axis.errorbar(shots, means, deviations, fmt="o", color="C0", capsize=4, label="estimates")
    axis.set(xscale="log", xlabel="shots of an estimate", ylabel=label)
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
plt.show()
