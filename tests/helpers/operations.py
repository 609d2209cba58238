"""Gates and channels with parameters, for tests that go through all of them."""

import pennylane as qml

GATES = [
    (kind, num_wires, num_angles)
    for (num_wires, num_angles), kinds in {
        (1, 1): (qml.RX, qml.RY, qml.RZ, qml.PhaseShift, qml.U1),
        (1, 2): (qml.U2,),
        (1, 3): (qml.Rot, qml.U3),
        (2, 1): (
            *(qml.CRX, qml.CRY, qml.CRZ, qml.ControlledPhaseShift, qml.CPhaseShift00),
            *(qml.CPhaseShift01, qml.CPhaseShift10, qml.IsingXX, qml.IsingXY, qml.IsingYY),
            *(qml.IsingZZ, qml.PSWAP, qml.SingleExcitation, qml.SingleExcitationPlus),
            *(qml.SingleExcitationMinus, qml.FermionicSWAP, qml.MultiRZ),
        ),
        (2, 3): (qml.CRot,),
        (3, 1): (qml.MultiRZ,),
        (4, 1): (
            *(qml.DoubleExcitation, qml.DoubleExcitationPlus, qml.DoubleExcitationMinus),
            *(qml.OrbitalRotation, qml.MultiRZ),
        ),
    }.items()
    for kind in kinds
]
"""The gates that have angles: what makes them, how many wires, how many angles."""

CHANNELS = [
    (qml.AmplitudeDamping, 1),
    (qml.PhaseDamping, 1),
    (qml.DepolarizingChannel, 1),
    (qml.BitFlip, 1),
    (qml.PhaseFlip, 1),
    (qml.GeneralizedAmplitudeDamping, 2),
    (qml.ResetError, 2),
]
"""The channels on one wire: what makes them, how many strengths."""
