// The parameters of an equivariant component, laid out in rows of lanes for both directions of a sweep.
#pragma once

#include <vector>

#include "tensor_products.h"
#include "weights.h"

namespace inn {

// Numbers, and rows of lanes, of what the layers hold.
template <class S>
struct TensorSizes {
    static constexpr int HIGH = 16;  // components of the first density
    Sizes<S> n;
    InnShape readout;   // invariants and their readout know no density of their own
    int features, f, k;  // numbers of features, rows of them and of channels

    explicit TensorSizes(const InnShape& shape)
        : n(without_density(shape)), readout(without_density(shape)), features(static_cast<int>(shape.messages)),
          f(rounded_up(features, WIDTH<S>) / WIDTH<S>), k(n.channel_rows) {}

    size_t radial_size() const { return static_cast<size_t>(n.density) * 3 * f; }
    size_t a_size() const { return static_cast<size_t>(HIGH) * 3 * k; }
    size_t h_size() const { return static_cast<size_t>(LEFT) * f; }
    size_t p_size() const { return static_cast<size_t>(LEFT) * k; }
    size_t density_size() const { return static_cast<size_t>(HIGH) * n.density_rows; }

private:
    static InnShape without_density(InnShape shape) {
        shape.l_max = 0;
        return shape;
    }
};

// All of them; gradients have the same form (and leave the panels unused).
template <class S>
struct TensorWeights {
    struct Species {
        Matrix<S> density[4];          // to the first density, by degree
        Matrix<S> coupled[3], own[3];  // to the second, from messages and from features
    };
    std::vector<Weights<S>> first, second;  // of the readouts, by species
    std::vector<Species> species;
    ProductWeights<S> products, deeper;
    Buffer<Lanes<S>> radial;  // (species * nodes, degree, feature)

    explicit TensorWeights(const TensorSizes<S>& s)
        : first(s.n.species), second(s.n.species), species(s.n.species), products(true, s.n.channels, s.features),
          deeper(false, s.n.channels, 0) {}

    void zeros(const TensorSizes<S>& s) {
        const Sizes<S> inputs(s.readout, 13), deeper_inputs(s.readout, 12);
        for (int z = 0; z < s.n.species; z++) {
            first[z].zeros(inputs), second[z].zeros(deeper_inputs);
            for (auto& matrix : species[z].density) matrix.zeros(s.n.density_rows, 3 * s.k);
            for (int l = 0; l < 3; l++) species[z].coupled[l].zeros(LOW_PATHS[l] * s.f, 3 * s.k), species[z].own[l].zeros(s.f, 3 * s.k);
        }
        products.zeros(), deeper.zeros();
        radial.zeros(s.radial_size());
    }

    void make_panels(const TensorSizes<S>& s) {
        const Sizes<S> inputs(s.readout, 13), deeper_inputs(s.readout, 12);
        for (int z = 0; z < s.n.species; z++) {
            inn::make_panels(inputs, first[z]), inn::make_panels(deeper_inputs, second[z]);
            for (auto& matrix : species[z].density) matrix.make_panels();
            for (int l = 0; l < 3; l++) species[z].coupled[l].make_panels(), species[z].own[l].make_panels();
        }
        products.make_panels(), deeper.make_panels();
    }
};

// Visit every parameter: f(padded number, its place in the contiguous arrays).
template <class S, class F>
void each_parameter(const TensorSizes<S>& s, InnParameters first, const InnTensors& flat, const InnParameters& second,
                    TensorWeights<S>& w, const F& f) {
    const Sizes<S> inputs(s.readout, 13), deeper_inputs(s.readout, 12);
    S* nodal = static_cast<S*>(first.nodal_values);
    first.nodal_values = nullptr;
    const int k = s.n.channels, species = s.n.species;
    for (int z = 0; z < species; z++) {
        each_parameter(inputs, first, w.first[z], z, f);
        each_parameter(deeper_inputs, second, w.second[z], z, f);
        for (auto& matrix : w.species[z].density) {
            each_block(matrix, nodal, 1, s.n.density, 3, k, f);
            nodal += static_cast<size_t>(s.n.density) * 3 * k;
        }
    }
    for (int l = 0; l < 3; l++) {
        const size_t columns = static_cast<size_t>(s.features) * 3 * k;
        S* mixing = static_cast<S*>(flat.message_mixing[l]);
        for (auto& of_species : w.species) {
            each_block(of_species.coupled[l], mixing, LOW_PATHS[l], s.features, 3, k, f);
            each_block(of_species.own[l], mixing + LOW_PATHS[l] * columns, 1, s.features, 3, k, f);
            mixing += (LOW_PATHS[l] + 1) * columns;
        }
        for (int g = 0; g < s.n.density; g++) {
            S* own = reinterpret_cast<S*>(w.radial.data() + (static_cast<size_t>(g) * 3 + l) * s.f);
            S* given = static_cast<S*>(flat.radial) + (static_cast<size_t>(l) * s.n.density + g) * s.features;
            for (int m = 0; m < s.features; m++) f(own[m], given[m]);
        }
    }
    w.products.each(flat.pair_mixing, flat.handing_on, f);
    w.deeper.each(flat.deeper_mixing, nullptr, f);
}

}  // namespace inn
