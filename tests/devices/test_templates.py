"""PennyLane's templates, against default.qubit, or default.mixed with noise after each."""

import networkx as nx
import numpy as np
import pennylane as qml
import pytest
from helpers.execution import execute

draw = np.random.default_rng(11).uniform


def weights(template, **kwargs):
    return draw(-1, 1, template.shape(**kwargs))


def block(weights, wires):
    qml.RY(weights[0], wires[0])
    qml.CNOT(wires)
    qml.RX(weights[1], wires[1])


def oracle(w):
    return qml.FlipSign([1, 0, 1], wires=w)


COST = qml.qaoa.maxcut(nx.cycle_graph(4))[0]
MIXER = qml.qaoa.x_mixer(range(4))
H2 = 0.4 * qml.X(0) @ qml.X(1) + 0.3 * qml.Z(1) @ qml.Z(2) - 0.2 * qml.Y(0)
LCU = qml.dot([0.25, 0.75], [qml.Z(3), qml.X(2) @ qml.Z(3)])

LAYERS = {
    "AngleEmbedding": lambda: qml.AngleEmbedding(draw(-1, 1, 4), wires=range(4), rotation="Y"),
    "AQFT": lambda: qml.AQFT(1, wires=range(4)),
    "BasicEntanglerLayers": lambda: qml.BasicEntanglerLayers(
        weights(qml.BasicEntanglerLayers, n_layers=2, n_wires=4), wires=range(4), rotation=qml.RY
    ),
    "BasisEmbedding": lambda: qml.BasisEmbedding([1, 0, 1], wires=range(3)),
    "IQP": lambda: qml.IQP([0.3, 0.4, 0.2], 3, [[[0]], [[1]], [[0, 2]]]),
    "IQPEmbedding": lambda: qml.IQPEmbedding(draw(-1, 1, 4), wires=range(4), n_repeats=2),
    "Permute": lambda: qml.Permute([2, 0, 3, 1], wires=range(4)),
    "QAOAEmbedding": lambda: qml.QAOAEmbedding(
        draw(-1, 1, 3), weights(qml.QAOAEmbedding, n_layers=2, n_wires=4), wires=range(4)
    ),
    "QFT": lambda: qml.QFT(wires=[3, 1, 0, 2]),
    "RandomLayers": lambda: qml.RandomLayers(draw(-1, 1, (2, 6)), wires=range(4), seed=5),
    "SimplifiedTwoDesign": lambda: qml.SimplifiedTwoDesign(
        draw(-1, 1, 4), draw(-1, 1, (2, 3, 2)), wires=range(4)
    ),
    "StronglyEntanglingLayers": lambda: qml.StronglyEntanglingLayers(
        weights(qml.StronglyEntanglingLayers, n_layers=3, n_wires=4), wires=range(4)
    ),
    "TwoLocalSwapNetwork": lambda: qml.TwoLocalSwapNetwork(
        range(4),
        acquaintances=lambda index, wires, param: qml.CRY(param, wires=index),
        weights=draw(-1, 1, 6),
        fermionic=False,
    ),
}

CHEMISTRY = {
    "AllSinglesDoubles": lambda: qml.AllSinglesDoubles(
        draw(-1, 1, 3), range(4), np.array([1, 1, 0, 0]), [[0, 2], [1, 3]], [[0, 1, 2, 3]]
    ),
    "BasisRotation": lambda: qml.BasisRotation(
        range(3), np.linalg.qr(draw(-1, 1, (3, 3)) + 1j * draw(-1, 1, (3, 3)))[0]
    ),
    "FermionicDoubleExcitation": lambda: qml.FermionicDoubleExcitation(0.7, [0, 1], [2, 3]),
    "FermionicSingleExcitation": lambda: qml.FermionicSingleExcitation(0.7, [1, 2, 3]),
    "GateFabric": lambda: qml.GateFabric(
        weights(qml.GateFabric, n_layers=2, n_wires=4), range(4), [1, 1, 0, 0], include_pi=True
    ),
    "kUpCCGSD": lambda: qml.kUpCCGSD(
        weights(qml.kUpCCGSD, k=1, n_wires=4, delta_sz=0),
        range(4),
        init_state=np.array([1, 1, 0, 0]),
    ),
    "ParticleConservingU1": lambda: qml.ParticleConservingU1(
        weights(qml.ParticleConservingU1, n_layers=2, n_wires=4), range(4), np.array([1, 0, 1, 0])
    ),
    "ParticleConservingU2": lambda: qml.ParticleConservingU2(
        weights(qml.ParticleConservingU2, n_layers=2, n_wires=4), range(4), np.array([1, 0, 1, 0])
    ),
    "UCCSD": lambda: qml.UCCSD(
        draw(-1, 1, 3), range(4), [[0, 1, 2], [1, 2, 3]], [[[0, 1], [2, 3]]], np.array([1, 1, 0, 0])
    ),
}

EVOLUTION = {
    "ApproxTimeEvolution": lambda: qml.ApproxTimeEvolution(H2, 0.8, 3),
    "CommutingEvolution": lambda: qml.CommutingEvolution(
        qml.X(0) @ qml.Y(1) - qml.Y(0) @ qml.X(1), 0.6
    ),
    "QDrift": lambda: qml.QDrift(H2, 0.8, n=4, seed=3),
    "TrotterProduct": lambda: qml.TrotterProduct(H2, 0.8, n=2, order=4),
    "cost and mixer layers": lambda: [
        qml.qaoa.cost_layer(0.4, COST),
        qml.qaoa.mixer_layer(0.7, MIXER),
    ],
}

STATES = {
    "ArbitraryStatePreparation": lambda: qml.ArbitraryStatePreparation(draw(-1, 1, 6), [1, 0]),
    "CosineWindow": lambda: qml.CosineWindow(wires=[0, 2, 1]),
    "MottonenStatePreparation": lambda: qml.MottonenStatePreparation(
        np.array([0.1, -0.5j, 0.7, 0.5]), [2, 0]
    ),
    "MultiplexerStatePreparation": lambda: qml.MultiplexerStatePreparation(
        np.array([0.1, -0.5j, 0.7, 0.5]), [2, 0]
    ),
    "MPSPrep": lambda: qml.MPSPrep(
        [
            np.array([[0.0, 0.107], [0.994, 0.0]]),
            np.array([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]]),
            np.array([[-1.0, -0.0], [-0.0, -1.0]]),
        ],
        wires=[0, 1, 2],
        work_wires=[3],
    ),
    "QROMStatePreparation": lambda: qml.QROMStatePreparation(
        np.array([0.6, 0.0, 0.0, 0.8]), wires=[4, 5], precision_wires=[1, 2, 3], work_wires=[0]
    ),
    "Superposition": lambda: qml.Superposition(
        [0.6, 0.8], [[1, 1, 0], [0, 1, 1]], wires=[0, 1, 2], work_wire=3
    ),
}

TENSORS = {
    "MERA": lambda: qml.MERA(range(4), 2, block, 2, draw(-1, 1, (5, 2))),
    "MPS": lambda: qml.MPS(range(4), 2, block, 2, draw(-1, 1, (3, 2))),
    "TTN": lambda: qml.TTN(range(4), 2, block, 2, draw(-1, 1, (3, 2))),
}

ALGORITHMS = {
    "AmplitudeAmplification": lambda: qml.AmplitudeAmplification(
        qml.GroverOperator(range(3)), oracle(range(3)), iters=2
    ),
    "ArbitraryUnitary": lambda: qml.ArbitraryUnitary(draw(-1, 1, 15), [1, 0]),
    "ControlledSequence": lambda: qml.ControlledSequence(qml.RX(0.3, 3), control=[0, 1, 2]),
    "Elbow": lambda: qml.Elbow([0, 1, 2], control_values=(1, 0)),
    "FABLE": lambda: qml.FABLE(draw(-1, 1, (2, 2)), wires=range(3), tol=0),
    "FlipSign": lambda: oracle(range(3)),
    "GQSP": lambda: qml.GQSP(qml.RX(0.3, 1), draw(-1, 1, (3, 3)), control=0),
    "GroverOperator": lambda: qml.GroverOperator(range(4)),
    "HilbertSchmidt": lambda: qml.HilbertSchmidt(
        [qml.RX(0.3, 2), qml.CNOT([2, 3])], [qml.RY(0.2, 0), qml.CZ([0, 1])]
    ),
    "LocalHilbertSchmidt": lambda: qml.LocalHilbertSchmidt(
        [qml.RX(0.3, 2), qml.CNOT([2, 3])], [qml.RY(0.2, 0), qml.CZ([0, 1])]
    ),
    "PrepSelPrep": lambda: qml.PrepSelPrep(LCU, control=0),
    "QSVT": lambda: qml.QSVT(
        qml.BlockEncode([[0.1, 0.2], [0.3, 0.4]], wires=[0, 1]),
        [qml.PCPhase(x, dim=2, wires=[0, 1]) for x in (0.4, -0.2, 0.7)],
    ),
    "QuantumMonteCarlo": lambda: qml.QuantumMonteCarlo(
        np.array([0.1, 0.2, 0.3, 0.4]), lambda i: np.sin(i) ** 2, range(3), range(3, 6)
    ),
    "QuantumPhaseEstimation": lambda: qml.QuantumPhaseEstimation(
        qml.RX(0.7, 0) @ qml.Z(1), estimation_wires=[2, 3, 4]
    ),
    "Qubitization": lambda: qml.Qubitization(LCU, control=0),
    "Reflection": lambda: qml.Reflection(qml.QFT(range(3)), 0.6),
    "Select": lambda: qml.Select([qml.X(2), qml.RY(0.3, 3), qml.Z(2) @ qml.S(3)], control=[0, 1]),
    "SelectPauliRot": lambda: qml.SelectPauliRot(draw(-1, 1, 4), [0, 1], 2, rot_axis="X"),
    "TemporaryAND": lambda: qml.TemporaryAND([0, 1, 2], control_values=(0, 1)),
}

ARITHMETIC = {
    "Adder": lambda: qml.Adder(3, [0, 1, 2], mod=7, work_wires=[3, 4]),
    "BBQRAM": lambda: qml.BBQRAM(["1", "0"], [0], [1], [2, 3, 4, 5]),
    "HybridQRAM": lambda: qml.HybridQRAM(["1", "0", "1", "1"], [0, 1], [2], [3, 4, 5, 6, 7], k=1),
    "ModExp": lambda: qml.ModExp([0], [1, 2], 3, mod=4, work_wires=[3, 4]),
    "Multiplier": lambda: qml.Multiplier(3, [0, 1], mod=4, work_wires=[2, 3]),
    "OutAdder": lambda: qml.OutAdder([0, 1], [2, 3], [4, 5]),
    "OutMultiplier": lambda: qml.OutMultiplier([0, 1], [2], [3, 4]),
    "OutPoly": lambda: qml.OutPoly(lambda x, y: x * x + y, [[0, 1], [2]], [3, 4]),
    "PhaseAdder": lambda: qml.PhaseAdder(2, [0, 1, 2]),
    "QROM": lambda: qml.QROM(["01", "11", "10", "00"], [0, 1], [2, 3], [4, 5]),
    "SelectOnlyQRAM": lambda: qml.SelectOnlyQRAM(["1", "0", "0", "1"], [0], [1], [2]),
    "SemiAdder": lambda: qml.SemiAdder([0, 1], [2, 3], work_wires=[4]),
}

TEMPLATES = LAYERS | CHEMISTRY | EVOLUTION | STATES | TENSORS | ALGORITHMS | ARITHMETIC
PREPARES = set(STATES) | set(CHEMISTRY) | {"BasisEmbedding"}


def tape_of(name):
    with qml.queuing.AnnotatedQueue() as queue:
        TEMPLATES[name]()
    return qml.tape.QuantumScript.from_queue(queue).operations


@pytest.mark.parametrize("name", TEMPLATES)
def test_template_acts_as_on_default_qubit(name):
    """Templates agree with default.qubit."""
    template = tape_of(name)
    wires = sorted(qml.wires.Wires.all_wires([op.wires for op in template]))
    start = [] if name in PREPARES else [qml.Rot(0.4 + w, 0.9 - w, 0.2, w) for w in wires]
    measured = [
        qml.probs(wires),
        qml.density_matrix(wires[:4]),
        qml.expval(qml.X(wires[0]) @ qml.Y(wires[-1])),
    ]
    ours = execute(qml.device("qizgloria.mixed"), start + template, measured)
    theirs = execute(qml.device("default.qubit"), start + template, measured)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.parametrize("name", LAYERS)
def test_template_amid_noise_acts_as_on_default_mixed(name):
    """Templates between channels agree with default.mixed."""
    start = [
        *(qml.RY(0.3 + w, w) for w in range(4)),
        *(qml.AmplitudeDamping(0.2, w) for w in range(4)),
    ]
    operations = start + tape_of(name) + [qml.DepolarizingChannel(0.1, w) for w in range(4)]
    ours, theirs = (
        execute(qml.device(device, wires=4), operations, [qml.density_matrix(range(4))])
        for device in ("qizgloria.mixed", "default.mixed")
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("batch_size", [3, 1])
@pytest.mark.parametrize(
    ("template", "shape"),
    [
        (lambda x: qml.AngleEmbedding(x, wires=range(3)), (3,)),
        (lambda x: qml.IQPEmbedding(x, wires=range(3)), (3,)),
        (lambda x: qml.StronglyEntanglingLayers(x, wires=range(3)), (2, 3, 3)),
        (lambda x: qml.BasicEntanglerLayers(x, wires=range(3)), (2, 3)),
        (lambda x: qml.QAOAEmbedding(x, [[0.1] * 6] * 2, wires=range(3)), (3,)),
    ],
    ids=["AngleEmbedding", "IQPEmbedding", "StronglyEntangling", "BasicEntangler", "QAOAEmbedding"],
)
def test_broadcast_template(template, shape, batch_size):
    """A batch of features or weights keeps its axis and agrees with separate runs."""
    values = np.random.default_rng(5).uniform(-1, 1, (batch_size, *shape))
    measured = [qml.density_matrix([0, 1, 2])]
    ours = execute(qml.device("qizgloria.mixed", wires=3), [template(values)], measured)
    theirs = [
        execute(qml.device("default.qubit", wires=3), [template(x)], measured) for x in values
    ]
    assert ours.shape == (batch_size, 8, 8)
    np.testing.assert_allclose(ours, np.stack(theirs), atol=1e-10)
