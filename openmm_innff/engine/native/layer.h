// The parameters of a second layer, laid out in rows of lanes for both directions of a sweep.
#pragma once

#include "messages.h"
#include "weights.h"

namespace inn {

// Sizes of the matrices around the messages; axes are padded to whole rows.
template <class S>
struct LayerSizes {
    static constexpr int W = WIDTH<S>;
    Sizes<S> n;
    int messages, rows;  // numbers, and rows of lanes

    explicit LayerSizes(const InnShape& shape)
        : n(shape), messages(static_cast<int>(shape.messages)), rows(rounded_up(messages, W) / W) {}

    int paths(int l) const { return PATHS_TO[l] * rows; }  // rows of what is coupled to degree l
    size_t radial_size() const { return static_cast<size_t>(n.density) * PATHS * rows; }
    size_t message_size() const { return static_cast<size_t>(MESSAGE) * rows; }
    size_t feature_size() const { return static_cast<size_t>(9) * n.channel_rows; }
};

// What one species has; gradients have the same form (and leave the panels unused).
template <class S>
struct LayerWeights {
    Matrix<S> inputs, functions, vectors;  // to the messages
    Matrix<S> mix[3], own[3];              // from what was coupled, and from the first layer's features

    void zeros(const LayerSizes<S>& s) {
        inputs.zeros(s.n.input_rows, s.rows), functions.zeros(s.n.projection_rows, s.rows);
        vectors.zeros(s.n.channel_rows, s.rows);
        for (int l = 0; l < 3; l++) mix[l].zeros(s.paths(l), s.n.channel_rows), own[l].zeros(s.n.channel_rows, s.n.channel_rows);
    }
    void make_panels() {
        inputs.make_panels(), functions.make_panels(), vectors.make_panels();
        for (int l = 0; l < 3; l++) mix[l].make_panels(), own[l].make_panels();
    }
};

// Visit every parameter of species z: f(padded number, its place in the contiguous array).
template <class S, class F>
void each_parameter(const LayerSizes<S>& s, const InnLayer& flat, LayerWeights<S>& w, int z, const F& f) {
    const Sizes<S>& n = s.n;
    const int k = n.channels, m = s.messages, W = WIDTH<S>;
    const auto visit = [&](Matrix<S>& matrix, void* all, size_t first, int inner, int columns, const auto& at) {
        S* given = static_cast<S*>(all) + first;
        for (int r = 0; r < inner; r++)
            for (int c = 0; c < columns; c++)
                f(matrix.numbers()[static_cast<size_t>(at(r)) * matrix.columns * W + c], given[static_cast<size_t>(r) * columns + c]);
    };
    const auto same = [](int r) { return r; };
    const int inputs = n.invariants * k, projections = 2 * n.half;
    const size_t at = z;
    visit(w.inputs, flat.from_inputs, at * inputs * m, inputs, m, [&](int r) { return n.input(r); });
    visit(w.functions, flat.from_functions, at * projections * m, projections, m, [&](int r) { return n.projection(r); });
    visit(w.vectors, flat.from_vectors, at * k * m, k, m, same);
    for (int l = 0; l < 3; l++) {
        const size_t width = static_cast<size_t>(PATHS_TO[l]) * m, first = at * (width + k) * k;
        visit(w.mix[l], flat.mixing[l], first, static_cast<int>(width), k, [&](int r) { return r / m * s.rows * W + r % m; });
        visit(w.own[l], flat.mixing[l], first + width * k, k, k, same);
    }
}

// Visit the radial functions, (path, species * nodes, message): they belong to no species.
template <class S, class F>
void each_radial(const LayerSizes<S>& s, const InnLayer& flat, Buffer<Lanes<S>>& radial, const F& f) {
    S* const numbers = reinterpret_cast<S*>(radial.data());
    S* const given = static_cast<S*>(flat.radial);
    for (int k = 0; k < PATHS; k++)
        for (int g = 0; g < s.n.density; g++)
            for (int m = 0; m < s.messages; m++)
                f(numbers[(static_cast<size_t>(g) * PATHS + k) * s.rows * WIDTH<S> + m],
                  given[(static_cast<size_t>(k) * s.n.density + g) * s.messages + m]);
}

}  // namespace inn
