"""TorchCircuit as a module: shapes, dtypes, differentiation methods, copies, and bad input."""

import copy
import io
import pickle

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from pennylane_qizgloria import QizgloriaMixed, TorchCircuit

X = ParameterVector("x", 2)
W = ParameterVector("w", 3)
OBSERVABLES = ["IZ", SparsePauliOp(["XX", "ZI"], [0.5, 1.0])]


def parity(outcome):
    return outcome.bit_count() % 2


@pytest.fixture
def circuit():
    circuit = QuantumCircuit(2)
    circuit.ry(X[0], 0)
    circuit.rx(X[1] + W[0], 1)
    circuit.crz(W[1], 0, 1)
    circuit.ry(W[2] * X[0], 1)
    circuit.cx(0, 1)
    return circuit


@pytest.fixture
def make(circuit):
    """A function that makes modules of one circuit."""

    def make(**options):
        given = {"inputs": X, "weights": W, "seed": 5, "dtype": torch.float64, **options}
        return TorchCircuit(circuit, **given)

    return make


@pytest.fixture
def x(rng):
    return torch.tensor(rng.uniform(-1, 1, size=(3, 2)))


def gradients(layer, x):
    x = x.clone().requires_grad_()
    y = layer(x)
    cotangent = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    return torch.autograd.grad(y, (x, layer.weight), cotangent)


# --- values ---------------------------------------------------------------------------------------


def test_values_are_those_of_state_vectors(make, circuit, x):
    """Expectation values and probabilities are those of Qiskit's Statevector."""
    expectations, probabilities = make(observables=OBSERVABLES), make()
    w = expectations.weight.detach().numpy()
    for sample in x:
        values = {X: sample.numpy(), W: w}
        state = Statevector(circuit.assign_parameters(values))
        expected = [state.expectation_value(SparsePauliOp(o)).real for o in OBSERVABLES]
        np.testing.assert_allclose(expectations(sample).detach(), expected, atol=1e-12)
        np.testing.assert_allclose(
            probabilities(sample).detach(), state.probabilities(), atol=1e-12
        )


@pytest.mark.parametrize("leading", [(), (1,), (4,), (2, 3), (2, 1, 2), (0,), (2, 0)], ids=str)
@pytest.mark.parametrize(
    ("options", "outputs"),
    [
        ({"observables": OBSERVABLES}, (2,)),
        ({"observables": "ZZ"}, (1,)),
        ({}, (4,)),
        ({"interpret": lambda k: (k % 2, k // 2), "output_shape": (2, 2)}, (2, 2)),
    ],
    ids=["observables", "one observable", "probabilities", "interpreted"],
)
def test_leading_axes_come_through(make, leading, options, outputs):
    """Any number of leading axes is handed through, and samples are independent."""
    layer = make(**options)
    x = torch.rand(*leading, 2, dtype=torch.float64, requires_grad=True)
    y = layer(x)
    assert y.shape == (*leading, *outputs)
    for sample, result in zip(x.reshape(-1, 2), y.reshape(-1, *outputs), strict=True):
        torch.testing.assert_close(layer(sample), result)
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_a_circuit_without_inputs_is_called_without_any(circuit):
    """A circuit of weights alone is called without arguments, or with inputs of width 0."""
    layer = TorchCircuit(circuit, weights=[X, W], observables=OBSERVABLES, seed=1)
    assert layer().shape == (2,)
    assert layer(torch.zeros(5, 0)).shape == (5, 2)
    layer().sum().backward()
    assert layer.weight.grad.abs().min() > 0


def test_inputs_without_effect_still_make_a_batch():
    """The batch axis comes from the inputs also if the circuit does not use them."""
    circuit = QuantumCircuit(1)
    circuit.ry(W[0], 0)
    for options, width in (({"observables": "Z"}, 1), ({}, 2)):
        with pytest.warns(UserWarning, match=r"parameters \['x\[0\]', 'x\[1\]', 'w\[1\]'"):
            layer = TorchCircuit(circuit, X, W, seed=0, **options)
        y = layer(torch.zeros(3, 2))
        assert y.shape == (3, width)
        torch.testing.assert_close(y[0], y[2])


def test_mid_circuit_measurements_are_conditioned_on():
    """Outcomes of mid-circuit measurements control later gates, exactly."""
    circuit = QuantumCircuit(2, 1)
    circuit.ry(X[0], 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.ry(W[0], 1)
    layer = TorchCircuit(circuit, X[0], W[0], ["ZI", "IX"], initial_weights=[0.7])
    x = torch.tensor([[0.3], [1.2]])
    up = torch.cos(x / 2) ** 2
    expected = torch.cat([up + (1 - up) * np.cos(0.7), torch.zeros(2, 1)], dim=1)
    torch.testing.assert_close(layer(x), expected)
    bits = TorchCircuit(circuit, X[0], W[0], initial_weights=[0.7])
    torch.testing.assert_close(bits(x), torch.cat([up, 1 - up], dim=1))


def test_sparse_probabilities_are_the_dense_ones(make, x):
    """Sparse results have the values and gradients of dense ones."""
    dense, sparse = make(), make(sparse=True)
    y = sparse(x)
    assert y.is_sparse
    torch.testing.assert_close(y.to_dense(), dense(x))
    for ours, expected in zip(sparse.backward_pass(x), dense.backward_pass(x), strict=True):
        assert ours.is_sparse
        torch.testing.assert_close(ours.to_dense(), expected)
    (sparse(x) * 2).to_dense().square().sum().backward()
    (dense(x) * 2).square().sum().backward()
    torch.testing.assert_close(sparse.weight.grad, dense.weight.grad)


# --- differentiation ------------------------------------------------------------------------------

METHODS = [
    {"quantum_device": "default.qubit"},
    {"diff_method": "backprop"},
    {"diff_method": "device"},
    {"diff_method": "parameter-shift"},
    {"diff_method": "finite-diff", "gradient_kwargs": {"h": 1e-6}},
    {"diff_method": "parameter-shift", "quantum_device": "default.qubit"},
    {"diff_method": qml.gradients.param_shift, "quantum_device": "default.qubit"},
    {"diff_method": "hadamard", "quantum_device": "default.qubit"},
    {"quantum_device": "default.mixed"},
    {"quantum_device": QizgloriaMixed(wires=2)},
]


@pytest.mark.parametrize("options", METHODS)
@pytest.mark.parametrize(
    "outputs",
    [{"observables": OBSERVABLES}, {"interpret": parity, "output_shape": 2}],
    ids=["observables", "interpreted"],
)
def test_every_method_gives_the_same_gradients(make, x, options, outputs):
    """Every device and diff_method gives the exact values, gradients and Jacobians."""
    exact, layer = make(**outputs), make(**outputs, **options)
    torch.testing.assert_close(layer(x), exact(x), atol=1e-8, rtol=0)
    for ours, expected in zip(gradients(layer, x), gradients(exact, x), strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)
    for ours, expected in zip(layer.backward_pass(x), exact.backward_pass(x), strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_the_adjoint_method_of_another_device(make, x):
    """default.qubit's adjoint method gives the gradients of each sample of a batch."""
    exact = make(observables=OBSERVABLES)
    layer = make(observables=OBSERVABLES, diff_method="adjoint", quantum_device="default.qubit")
    torch.testing.assert_close(layer(x), exact(x))
    for ours, expected in zip(gradients(layer, x), gradients(exact, x), strict=True):
        torch.testing.assert_close(ours, expected)


def test_shots_are_drawn_for_values_and_gradients(make, x):
    """With shots, values and gradients scatter around the exact ones."""
    exact = make(observables=OBSERVABLES)
    layer = make(observables=OBSERVABLES, shots=20000, device_options={"seed": 7})
    y = layer(x)
    assert not torch.equal(y, layer(x))
    torch.testing.assert_close(y, exact(x), atol=0.05, rtol=0)
    for ours, expected in zip(gradients(layer, x), gradients(exact, x), strict=True):
        torch.testing.assert_close(ours, expected, atol=0.2, rtol=0)


def test_jacobians_multiply_to_gradients(make, x):
    """Products of cotangents and Jacobians are the gradients."""
    layer = make(observables=OBSERVABLES)
    input_jacobian, weight_jacobian = layer.backward_pass(x)
    cotangent = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(3, 2)
    by_input, by_weight = gradients(layer, x)
    torch.testing.assert_close(torch.einsum("bk,bki->bi", cotangent, input_jacobian), by_input)
    torch.testing.assert_close(torch.einsum("bk,bkj->j", cotangent, weight_jacobian), by_weight)
    assert not input_jacobian.requires_grad


def test_jacobians_without_input_gradients(make, x):
    """With input_gradients=False there is only the Jacobian by the weights."""
    layer = make()
    none, weight_jacobian = layer.backward_pass(x, input_gradients=False)
    assert none is None
    torch.testing.assert_close(weight_jacobian, layer.backward_pass(x)[1])


def test_jacobians_at_other_weights(make, x):
    """Given weights are used, and the module's own stay."""
    layer = make()
    before = layer.weight.detach().clone()
    other = make(initial_weights=[0.1, 0.2, 0.3])
    for ours, expected in zip(
        layer.backward_pass(x.numpy(), np.array([0.1, 0.2, 0.3])),
        other.backward_pass(x),
        strict=True,
    ):
        torch.testing.assert_close(ours, expected)
    assert torch.equal(layer.weight, before)


def test_all_shifted_circuits_run_together(make, x):
    """Shifted circuits for all outputs run in one batch."""
    device = QizgloriaMixed()
    layer = make(quantum_device=device, diff_method="parameter-shift")
    with qml.Tracker(device) as tracker:
        layer.backward_pass(x)
    assert tracker.totals["batches"] == 1


def test_second_derivatives(make):
    """Second derivatives agree with finite differences."""
    layer = make(observables="ZZ")
    x = torch.tensor([0.3, -0.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(layer, (x,))


# --- weights --------------------------------------------------------------------------------------


def test_the_start_is_reproducible(make):
    """A seed, or torch's generator, determines the initial weights, also after a reset."""
    first, second = make(seed=1), make(seed=1)
    assert torch.equal(first.weight, second.weight)
    assert not torch.equal(first.weight, make(seed=2).weight)
    assert first.weight.abs().max() <= 1
    torch.manual_seed(0)
    drawn = make(seed=None)
    torch.manual_seed(0)
    assert torch.equal(make(seed=None).weight, drawn.weight)
    with torch.no_grad():
        first.weight.zero_()
    first.reset_parameters()
    assert torch.equal(first.weight, second.weight)


@pytest.mark.parametrize(
    "values", [[1, 2, 3], np.array([[1.0, 2.0, 3.0]]), torch.tensor([1, 2, 3])]
)
def test_the_start_can_be_given(make, values):
    """Initial weights may be lists, arrays or tensors."""
    layer = make(initial_weights=values)
    assert torch.equal(layer.weight, torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))


# --- what torch's modules do ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64], ids=str
)
@pytest.mark.parametrize("weights", [torch.float32, torch.float64], ids=str)
def test_results_have_the_dtype_of_the_input(make, dtype, weights):
    """Results have the dtype of floating inputs; with integers, that of the weights."""
    layer = make(observables=OBSERVABLES, dtype=weights)
    x = torch.tensor([[0.25, 0.5]]).to(dtype)
    y = layer(x)
    assert y.dtype == (dtype if dtype.is_floating_point else weights)
    expected = make(observables=OBSERVABLES)(x.double())
    torch.testing.assert_close(y.double(), expected, atol=1e-2, rtol=0)


def test_the_default_dtype_is_that_of_torch(circuit):
    """Weights have torch's default dtype."""
    assert TorchCircuit(circuit, X, W).weight.dtype == torch.get_default_dtype()


def test_modules_move_between_dtypes(make, x):
    """``to`` changes the dtype of weights and results, not of indices."""
    layer = make(interpret=parity, output_shape=2)
    assert layer.to(torch.float32).weight.dtype == torch.float32
    assert layer.index.dtype == torch.int64
    assert layer.to("cpu", torch.float64)(x).dtype == torch.float64


@pytest.mark.parametrize("way", ["deepcopy", "pickle", "torch.save"])
@pytest.mark.parametrize(
    "options", [{"observables": OBSERVABLES}, {"interpret": parity, "output_shape": 2}]
)
def test_copies_are_independent(make, x, way, options):
    """Copies by deepcopy, pickle and torch.save give the same, and have their own weights."""
    layer = make(**options)
    expected = layer(x)
    if way == "deepcopy":
        twin = copy.deepcopy(layer)
    elif way == "pickle":
        twin = pickle.loads(pickle.dumps(layer))
    else:
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        twin = torch.load(file, weights_only=False)
    torch.testing.assert_close(twin(x), expected)
    torch.testing.assert_close(twin.backward_pass(x), layer.backward_pass(x))
    with torch.no_grad():
        twin.weight += 1
    torch.testing.assert_close(layer(x), expected)
    assert repr(twin) == repr(layer)


def test_copies_share_a_device_that_was_given(make, x):
    """A copy runs on the device object that the original was given."""
    device = QizgloriaMixed(seed=1)
    twin = copy.deepcopy(make(quantum_device=device))
    with qml.Tracker(device) as tracker:
        twin(x)
    assert tracker.totals["batches"] == 1


def test_barriers_and_delays_do_not_change_traces(make, circuit, x):
    """A circuit with barriers and delays runs the same traced program as without them."""
    plain = make()
    circuit.barrier()
    circuit.delay(100, 1, "ns")
    circuit.measure_all()
    marked = make()
    for _ in range(2):
        torch.testing.assert_close(marked(x), plain(x))
    assert marked.is_traced
    assert _traced_program(marked) == _traced_program(plain)


def _traced_program(layer):
    (history,) = layer._trace_cache.histories.values()
    (own,) = history.traces
    return own.traced.lowered.program.program


def test_later_changes_to_the_circuit_have_no_effect(make, circuit, x):
    """A module and its copies keep the circuit as it was at construction."""
    layer = make()
    circuit.x(0)
    torch.testing.assert_close(copy.deepcopy(layer)(x), layer(x))


def test_the_state_is_the_weights_alone(make, x):
    """The state dict has the weights and nothing else."""
    layer, other = (
        make(interpret=parity, output_shape=2),
        make(interpret=parity, output_shape=2, seed=9),
    )
    assert list(layer.state_dict()) == ["weight"]
    other.load_state_dict(layer.state_dict())
    torch.testing.assert_close(other(x), layer(x))


def test_what_repr_shows(make):
    """repr shows the sizes, and the options that are not the defaults."""
    assert repr(make(observables=OBSERVABLES)) == (
        "TorchCircuit(num_qubits=2, num_inputs=2, num_weights=3, output_shape=(2,), "
        "device=qizgloria.mixed)"
    )
    shown = repr(make(sparse=True, shots=10, quantum_device="default.qubit", diff_method="spsa"))
    assert shown.endswith("device=default.qubit, shots=10, diff_method=spsa, sparse=True)")


def test_options_reach_the_device(make, x):
    """device_options are handed to the device."""
    noisy = make(observables="IZ", device_options={"readout_prob": 0.1})
    torch.testing.assert_close(noisy(x), 0.8 * make(observables="IZ")(x))


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": None}, "neither inputs nor weights"),
        ({"weights": [W, W]}, "named twice"),
        ({"inputs": [X, W[0]]}, "named twice"),
        ({"observables": ["ZZ", "Z"]}, "one of 1 qubits, but the circuit has 2"),
        ({"observables": []}, "observables is empty"),
        ({"observables": qml.Z(3)}, r"acts on wires \[3\]"),
        ({"interpret": lambda k: k, "output_shape": 3}, "returned 3 for the outcome 3"),
        ({"interpret": parity}, "needs output_shape"),
        ({"observables": "ZZ", "interpret": parity}, "interpret cannot be given together"),
        ({"observables": "ZZ", "sparse": True}, "sparse cannot be given together"),
        ({"initial_weights": [1.0]}, "has 3 initial weights, but 1 were given"),
        ({"initial_weights": [1.0, np.nan, 0.0]}, "must be finite"),
        ({"dtype": torch.int64}, "real floats, so dtype cannot be torch.int64"),
        ({"dtype": torch.complex64}, "real floats"),
        (
            {"quantum_device": QizgloriaMixed(), "device_options": {"seed": 1}},
            "which was made already",
        ),
    ],
)
def test_wrong_options_are_refused_at_construction(make, options, message):
    """Wrong options are refused before the first call."""
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_final_measurements_and_observables_are_refused(circuit):
    """Observables cannot be measured after final measurements."""
    circuit.measure_all()
    with pytest.raises(ValueError, match="ends with measurements into the classical bits"):
        TorchCircuit(circuit, X, W, "ZZ")
    assert TorchCircuit(circuit, X, W).output_shape == (4,)


def test_what_is_no_circuit_is_refused():
    """The error says what a circuit is."""
    with pytest.raises(TypeError, match="QuantumCircuit"):
        TorchCircuit("circuit")


@pytest.mark.parametrize("shape", [(), (3,), (4, 1), (0, 3)], ids=str)
def test_inputs_of_the_wrong_width_are_refused(make, shape):
    """The error gives the number of inputs and the given shape."""
    layer = make()
    for call in (layer, layer.backward_pass):
        with pytest.raises(ValueError, match=r"have the shape \(\.\.\., 2\)"):
            call(torch.zeros(shape))


def test_missing_inputs_and_wrong_weights_are_refused(make):
    """Missing inputs, weights of the wrong shape and complex numbers are refused."""
    with pytest.raises(ValueError, match="has 2 inputs, but 0 were given"):
        make()()
    with pytest.raises(ValueError, match=r"has 3 weights, so .* but \(2,\) was given"):
        make().backward_pass(torch.zeros(1, 2), torch.zeros(2))
    with pytest.raises(ValueError, match="are real"):
        make()(torch.zeros(2, dtype=torch.complex128))


def test_an_instruction_that_cannot_be_run_is_named():
    """The error names the instruction."""
    circuit = QuantumCircuit(1, 1)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.x(0)
    with pytest.raises(ValueError, match="while_loop"):
        TorchCircuit(circuit)


def test_an_interpretation_that_is_no_function_is_refused(make):
    """The error says that interpret is a function."""
    with pytest.raises(TypeError, match="interpret must be a function of an outcome, got 3"):
        make(interpret=3, output_shape=2)


def test_a_single_parameter_is_one_column():
    """A parameter that is no vector is one input."""
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(1)
    circuit.ry(a - b, 0)
    layer = TorchCircuit(circuit, "a", b, "Z", initial_weights=0.5)
    torch.testing.assert_close(
        layer(torch.tensor([[0.75]])), torch.tensor([[np.cos(0.25)]]).float()
    )
