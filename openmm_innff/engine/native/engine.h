// What Python holds a handle of: a component of any kind.
#pragma once

#include "api.h"
#include "verlet.h"
#include "workspace.h"

namespace inn {

class Engine {
public:
    virtual ~Engine() = default;
    virtual void set_parameters(const InnParameters&) {}
    virtual void set_layer(const InnLayer&, const InnParameters&) {}
    virtual void set_tensors(const InnParameters&, const InnTensors&, const InnParameters&) {}
    virtual void forward(const InnSystem& system, double* energies, double* forces, int threads) = 0;
    // Gradients by the parameters.
    virtual void backward(const InnSystem&, const double*, const double*, const InnParameters&, const InnLayer*,
                          const InnParameters*, int) {}
    virtual void backward_tensors(const InnSystem&, const double*, const double*, const InnParameters&, const InnTensors&,
                                  const InnParameters&, int) {}
    virtual double evaluate(double* forces, int threads) = 0;
    virtual double cutoff() const = 0;
    VerletList list;
};

// A component of one layer, of two, and an equivariant one; null if the shape is impossible.
Engine* make_component(int dtype, const InnShape& shape, const InnCore& core);
Engine* make_deep(int dtype, const InnShape& shape, const InnCore& core);
Engine* make_tensors(int dtype, const InnShape& shape, const InnCore& core);

}  // namespace inn
