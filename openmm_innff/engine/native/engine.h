// What Python holds a handle of: a component, of one layer or of two.
#pragma once

#include "api.h"
#include "verlet.h"
#include "workspace.h"

namespace inn {

class Engine {
public:
    virtual ~Engine() = default;
    virtual void set_parameters(const InnParameters& flat) = 0;
    virtual void set_layer(const InnLayer&, const InnParameters&) {}
    virtual void forward(const InnSystem& system, double* energies, double* forces, int threads) = 0;
    virtual void backward(const InnSystem& system, const double* by_energy, const double* by_force,
                          const InnParameters& out, const InnLayer* layer, const InnParameters* readout, int threads) = 0;
    virtual double evaluate(double* forces, int threads) = 0;
    virtual double cutoff() const = 0;
    VerletList list;
};

// A component of two layers; null if its shape is impossible.
Engine* make_deep(int dtype, const InnShape& shape, const InnCore& core);

}  // namespace inn
