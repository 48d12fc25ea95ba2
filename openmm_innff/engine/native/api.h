// The functions that Python calls through ctypes. All arrays are contiguous; they return 0, or
// -1 when memory runs out. "real" is float or double as `dtype` (4 or 8 bytes) says.
#pragma once

#include <cstdint>

#define INN_API extern "C" __attribute__((visibility("default")))

// Atoms and all ordered pairs: those of atom i are starts[i] ... starts[i + 1] - 1.
struct InnSystem {
    int64_t atoms;
    const double* positions;   // (atoms, 3) angstrom
    const int64_t* starts;     // (atoms + 1)
    const int64_t* second;     // (pairs)
    const double* offsets;     // (pairs, 3) angstrom, added to the vector to the second atom
    const int64_t* species;    // (atoms)
};

struct InnGrid {
    int64_t species, l_max, nodes, features;
    double cutoff, warp;
};

struct InnGradients {
    void* density;      // real (lm, atoms, species * nodes * features)
    double* positions;  // (atoms, 3)
    double* offsets;    // (pairs, 3)
    void* features;     // real (atoms, features)
};

// Spec of a component; its parameters are folded as in potential/folded.py.
struct InnShape {
    int64_t species, l_max, nodes, channels, projections, intervals;
    int64_t messages;  // of the second layer; 0 where there is none; l_max 3: features of an equivariant component
    double cutoff, warp, bound, message_cutoff;
};

struct InnParameters {
    void* nodal_values;  // real (species, l_max + 1, species * nodes, channels)
    void* mean;          // real (species, inputs); a constant, with no gradient
    void* weights;       // real (species, inputs, projections)
    void* bias;          // real (species, projections)
    void* linear;        // real (species, inputs)
    void* table;         // real (species, projections, intervals + 3)
    void* single;        // real (species, projections)
    void* paired;        // real (species, projections / 2)
};

// The second layer, folded as in potential/folded.py. Paths: nn/messages.py.
struct InnLayer {
    void* radial;          // real (paths, species * nodes, messages)
    void* from_inputs;     // real (species, inputs, messages)
    void* from_functions;  // real (species, projections, messages)
    void* from_vectors;    // real (species, channels, messages)
    void* mixing[3];       // real (species, (2, 3, 2) * messages + channels, channels)
};

// What an equivariant component has besides its readouts, folded as in potential/folded.py; of the first
// readout the nodal values are real (species, 4, species * nodes, 3 * channels). Couplings: nn/coupling.py.
struct InnTensors {
    void* radial;             // real (3, species * nodes, features)
    void* pair_mixing[3];     // real ((3, 5, 5) * channels, channels)
    void* handing_on[3];      // real ((9, 12, 12) * channels, features)
    void* message_mixing[3];  // real (species, (4, 5, 5) * features, 3 * channels)
    void* deeper_mixing[3];   // real ((3, 4, 4) * channels, channels)
    const double* couplings[2];  // (entries, 4): row, left, right, value; right to l = 3, and to l = 2
    int64_t entries[2];
};

// Core repulsion; all (species, species), double. Null pointers where there is none.
struct InnCore {
    const double* radius;
    const double* strength;
    const double* inverse_length;
};

// Atoms of a simulation. They are sorted by species: `order` holds their places in the caller's
// arrays.
struct InnAtoms {
    int64_t atoms;
    int64_t periodic;
    const int64_t* order;      // (atoms)
    const int64_t* species;    // (atoms), ascending
    double skin;               // angstrom
};

// Bonds of hydrogens, of which each hydrogen has one.
struct InnHydrogens {
    int64_t bonds, periodic;
    const int64_t* hydrogens;  // (bonds)
    const int64_t* partners;   // (bonds)
    const double* lengths;     // (bonds) angstrom
};

// Interpolants of one variable, a row of `width` nodal values each, as in nn/functions.py.
struct InnFunctions {
    int64_t rows, width;
    const double* values;  // (rows, width)
    const double* low;     // (rows), and so on
    const double* high;
    const double* spacing;
    const double* wall_low;
    const double* wall_high;
};

// Bonds and angles of a simulation, as in potential/topology.py; atoms as the caller has them.
struct InnTopology {
    int64_t species, bonds, angles;
    const int64_t* first;         // (bonds + angles)
    const int64_t* second;        // (bonds + angles)
    const int64_t* bond_rows;     // (bonds)
    const int64_t* angle;         // (angles, 3)
    const int64_t* angle_rows;    // (angles)
    const int64_t* product_rows;  // (angles)
    const int64_t* pair_rows;     // (species, species)
    int64_t modes;
    double cutoff;                // angstrom
};
