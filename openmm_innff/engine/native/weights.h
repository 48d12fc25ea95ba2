// The parameters of a component, laid out in rows of lanes for both directions of a sweep.
#pragma once

#include "api.h"
#include "matrix.h"

namespace inn {

// Numbers of rows (of lanes) and of numbers; a channel axis is padded to whole rows.
template <class S>
struct Sizes {
    static constexpr int W = WIDTH<S>;
    int species, degrees, nodes, channels, half, intervals;
    int density, invariants;         // species * nodes; kinds of invariants
    int channel_rows, density_rows;  // rows of channels and of density coefficients
    int input_rows, half_rows, projection_rows;

    // `kinds` of invariants; 0: those of nn/invariants.py.
    explicit Sizes(const InnShape& s, int kinds = 0)
        : species(static_cast<int>(s.species)), degrees(static_cast<int>(s.l_max) + 1),
          nodes(static_cast<int>(s.nodes)), channels(static_cast<int>(s.channels)),
          half(static_cast<int>(s.projections) / 2), intervals(static_cast<int>(s.intervals)),
          density(species * nodes), invariants(kinds ? kinds : degrees == 3 ? 6 : degrees),
          channel_rows(rounded_up(channels, W) / W), density_rows(rounded_up(density, W) / W),
          input_rows(invariants * channel_rows), half_rows(rounded_up(half, W) / W),
          projection_rows(2 * half_rows) {}

    int inputs() const { return input_rows * W; }
    int projections() const { return projection_rows * W; }
    int table_nodes() const { return intervals + 3; }
    // Padded place of input k and of projection p.
    int input(int k) const { return k / channels * channel_rows * W + k % channels; }
    int projection(int p) const { return p < half ? p : half_rows * W + p - half; }

    size_t nodal_size() const { return static_cast<size_t>(degrees) * density * channel_rows; }
    size_t weight_size() const { return static_cast<size_t>(inputs()) * projection_rows; }
    size_t table_size() const { return static_cast<size_t>(projections()) * table_nodes(); }
};

// What one species has; gradients have the same form (and leave the panels unused).
template <class S>
struct Weights {
    Buffer<Lanes<S>> nodal;    // (l, sn, k)
    Buffer<Lanes<S>> weights;  // (input, p)
    Panels<S> nodal_panels[3], nodal_transposed[3], weight_panels, weights_transposed;
    Buffer<Lanes<S>> mean, bias, linear, single, paired;
    Buffer<S> table;  // (p, node)

    void zeros(const Sizes<S>& n) {
        nodal.zeros(n.nodal_size()), weights.zeros(n.weight_size());
        bias.zeros(n.projection_rows), single.zeros(n.projection_rows), paired.zeros(n.half_rows);
        mean.zeros(n.input_rows), linear.zeros(n.input_rows);
        table.zeros(n.table_size());
    }
};

// Visit every parameter of species z: f(padded number, its place in the contiguous array).
template <class S, class F>
void each_parameter(const Sizes<S>& n, const InnParameters& flat, Weights<S>& w, int z, const F& f) {
    const auto lanes = [](Buffer<Lanes<S>>& rows) { return reinterpret_cast<S*>(rows.data()); };
    const auto array = [](void* all) { return static_cast<S*>(all); };
    const int inputs = n.invariants * n.channels, projections = 2 * n.half, W = Sizes<S>::W;
    for (int l = 0; flat.nodal_values && l < n.degrees; l++)  // a second layer has none
        for (int g = 0; g < n.density; g++)
            for (int k = 0; k < n.channels; k++) {
                const size_t row = static_cast<size_t>(l) * n.density + g;
                f(lanes(w.nodal)[row * n.channel_rows * W + k],
                  array(flat.nodal_values)[(static_cast<size_t>(z) * n.degrees * n.density + row) * n.channels + k]);
            }
    for (int k = 0; k < inputs; k++) {
        const size_t row = static_cast<size_t>(z) * inputs + k;
        f(lanes(w.linear)[n.input(k)], array(flat.linear)[row]);
        if (flat.mean) f(lanes(w.mean)[n.input(k)], array(flat.mean)[row]);
        for (int p = 0; p < projections; p++)
            f(lanes(w.weights)[static_cast<size_t>(n.input(k)) * n.projections() + n.projection(p)],
              array(flat.weights)[row * projections + p]);
    }
    for (int p = 0; p < projections; p++) {
        const size_t flat_p = static_cast<size_t>(z) * projections + p;
        f(lanes(w.bias)[n.projection(p)], array(flat.bias)[flat_p]);
        f(lanes(w.single)[n.projection(p)], array(flat.single)[flat_p]);
        for (int g = 0; g < n.table_nodes(); g++)
            f(w.table[static_cast<size_t>(n.projection(p)) * n.table_nodes() + g],
              array(flat.table)[flat_p * n.table_nodes() + g]);
        if (p < n.half) f(lanes(w.paired)[p], array(flat.paired)[static_cast<size_t>(z) * n.half + p]);
    }
}

// Lay the matrices out for both directions.
template <class S>
void make_panels(const Sizes<S>& n, Weights<S>& w) {
    const auto lanes = [](Buffer<Lanes<S>>& rows) { return reinterpret_cast<S*>(rows.data()); };
    const int row = n.channel_rows * Sizes<S>::W;
    for (int l = 0; l < n.degrees; l++) {
        const S* nodal = lanes(w.nodal) + static_cast<size_t>(l) * n.density * row;
        w.nodal_panels[l].set(n.density, n.channel_rows), w.nodal_transposed[l].set(n.channels, n.density_rows);
        w.nodal_panels[l].fill(nodal, row, 1, n.channels);
        w.nodal_transposed[l].fill(nodal, 1, row, n.density);
    }
    w.weight_panels.set(n.inputs(), n.projection_rows), w.weights_transposed.set(n.projections(), n.input_rows);
    w.weight_panels.fill(lanes(w.weights), n.projections(), 1, n.projections());
    w.weights_transposed.fill(lanes(w.weights), 1, n.projections(), n.inputs());
}

}  // namespace inn
