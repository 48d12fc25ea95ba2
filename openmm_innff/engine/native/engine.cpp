// The functions of components that Python calls.
#include <new>

#include "engine.h"

namespace inn {
namespace {

template <class F>
int guarded(const F& f) {
    try {
        f();
        return 0;
    } catch (const std::bad_alloc&) {
        return -1;
    }
}

inline Engine& engine(void* handle) { return *static_cast<Engine*>(handle); }

}  // namespace
}  // namespace inn

INN_API void* inn_create(int dtype, const InnShape* shape, const InnCore* core) {
    try {
        if (shape->l_max == 3) return inn::make_tensors(dtype, *shape, *core);
        return shape->messages ? inn::make_deep(dtype, *shape, *core) : inn::make_component(dtype, *shape, *core);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

INN_API void inn_destroy(void* handle) { delete static_cast<inn::Engine*>(handle); }

INN_API int inn_set_parameters(void* handle, const InnParameters* parameters) {
    return inn::guarded([&] { inn::engine(handle).set_parameters(*parameters); });
}

// Of a component of two layers, besides those of its first readout.
INN_API int inn_set_layer(void* handle, const InnLayer* layer, const InnParameters* readout) {
    return inn::guarded([&] { inn::engine(handle).set_layer(*layer, *readout); });
}

// All those of an equivariant component.
INN_API int inn_set_tensors(void* handle, const InnParameters* first, const InnTensors* tensors, const InnParameters* second) {
    return inn::guarded([&] { inn::engine(handle).set_tensors(*first, *tensors, *second); });
}

INN_API int inn_forward(void* handle, const InnSystem* system, double* energies, double* forces, int threads) {
    return inn::guarded([&] { inn::engine(handle).forward(*system, energies, forces, threads); });
}

// The last two pointers: as in inn_set_layer, null without a second layer.
INN_API int inn_backward(void* handle, const InnSystem* system, const double* by_energy, const double* by_force,
                         const InnParameters* out, const InnLayer* layer, const InnParameters* readout, int threads) {
    return inn::guarded([&] { inn::engine(handle).backward(*system, by_energy, by_force, *out, layer, readout, threads); });
}

// The same of an equivariant component; couplings are not read.
INN_API int inn_backward_tensors(void* handle, const InnSystem* system, const double* by_energy, const double* by_force,
                                 const InnParameters* first, const InnTensors* tensors, const InnParameters* second, int threads) {
    return inn::guarded([&] { inn::engine(handle).backward_tensors(*system, by_energy, by_force, *first, *tensors, *second, threads); });
}

// The atoms of a simulation.
INN_API int inn_set_atoms(void* handle, const InnAtoms* atoms) {
    return inn::guarded([&] { inn::engine(handle).list.set_atoms(*atoms, inn::engine(handle).cutoff()); });
}

// 0: done; 1: a position is not finite; 2: the box is narrower than twice the cutoff.
INN_API int inn_evaluate(void* handle, const double* positions, const double* box, double* energy, double* forces,
                         int threads) {
    inn::Engine& engine = inn::engine(handle);
    int fault = 0;
    const int code = inn::guarded([&] {
        fault = engine.list.update(positions, box);
        if (!fault) *energy = engine.evaluate(forces, threads);
    });
    return code ? code : fault;
}

// How often the neighbour list was made.
INN_API int64_t inn_renewals(void* handle) { return inn::engine(handle).list.renewals(); }
