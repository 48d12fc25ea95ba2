// Through both layers of a component and back, on plain or on dual numbers.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "layer.h"
#include "pool.h"
#include "workspace.h"

namespace inn {

// All parameters of a component of two layers; gradients have the same form.
template <class S>
struct DeepWeights {
    std::vector<Weights<S>> first, second;  // by species
    std::vector<LayerWeights<S>> layer;
    Buffer<Lanes<S>> radial;

    void zeros(const LayerSizes<S>& s) {
        first.resize(s.n.species), second.resize(s.n.species), layer.resize(s.n.species);
        for (int z = 0; z < s.n.species; z++) first[z].zeros(s.n), second[z].zeros(s.n), layer[z].zeros(s);
        radial.zeros(s.radial_size());
    }
};

template <class T>
class Sweep {
public:
    using S = Scalar<T>;
    using R = Row<T>;
    using P = Pairs<T, 2>;

    Sweep(const InnShape& shape, const Core<S>& core, const DeepWeights<S>& weights)
        : shape_(shape), s_(shape), n_(s_.n), grid_(shape.cutoff, shape.warp, n_.nodes),
          message_grid_(shape.message_cutoff, shape.warp, n_.nodes), core_(core), weights_(weights) {}

    // Energies (atoms) and forces (atoms, 3); fill(i, cutoff, pairs) finds the pairs of atom i. Blocks of
    // atoms are dealt to the threads in turn, and what these sum is added in their order.
    template <class Fill>
    void forward(const int64_t* species, int64_t atoms, const Fill& fill, double* energies, double* forces, int threads) {
        static_assert(!Traits<T>::dual, "forces are plain");
        run(species, atoms, fill, nullptr, energies, threads);
        for (int64_t k = 0; k < 3 * atoms; k++) {
            double total = 0;
            for (int t = 0; t < threads; t++) total += threads_[t]->space.forces[k];
            forces[k] = total;
        }
    }

    // Gradients by the parameters: derivatives along the direction of the dual pairs, for the adjoint
    // {1, by_energy} of each energy.
    template <class Fill>
    void backward(const int64_t* species, int64_t atoms, const Fill& fill, const double* by_energy, int threads) {
        static_assert(Traits<T>::dual, "gradients need dual numbers");
        run(species, atoms, fill, by_energy, nullptr, threads);
    }
    DeepWeights<S>& gradients(int thread) { return threads_[thread]->gradients; }

private:
    // What a thread keeps between calls.
    struct Thread {
        Workspace<T, 2> space;
        Network<T, 2> second;
        Buffer<R> functions, by_functions, by_inputs, coupled, by_coupled, by_messages, scalars;
        DeepWeights<S> gradients;

        Thread(const InnShape& shape, const LayerSizes<S>& s) : space(shape), second(shape) {
            functions.zeros(BLOCK * s.n.projection_rows), by_functions.zeros(BLOCK * s.n.projection_rows);
            by_inputs.zeros(BLOCK * s.n.input_rows), scalars.zeros(BLOCK * s.rows);
            coupled.zeros(COUPLED * s.rows), by_coupled.zeros(COUPLED * s.rows);
        }
    };

    template <class Fill>
    void run(const int64_t* species, int64_t atoms, const Fill& fill, const double* by_energy, double* energies, int threads) {
        const std::vector<Block> blocks = make_blocks(species, atoms);
        while (static_cast<int>(threads_.size()) < threads) threads_.push_back(std::make_unique<Thread>(shape_, s_));
        features_.reserve(atoms * s_.feature_size()), by_features_.reserve(atoms * s_.feature_size());
        inner_.reserve(atoms * n_.projection_rows), messages_.reserve(atoms * s_.message_size());
        energies_ = energies;
        by_energy_ = by_energy;
        for (int t = 0; t < threads; t++) {
            threads_[t]->space.forces.assign(3 * atoms, 0.0);
            threads_[t]->by_messages.zeros(atoms * s_.message_size());
            if constexpr (Traits<T>::dual) threads_[t]->gradients.zeros(s_);
        }
        const auto each_block = [&](const auto& f) {
            Pool::run(threads, [&](int t) {
                for (size_t b = t; b < blocks.size(); b += threads) f(*threads_[t], blocks[b]);
            });
        };
        each_block([&](Thread& own, const Block& block) { see(own, block, fill); });
        each_block([&](Thread& own, const Block& block) { listen(own, block, fill); });
        R* by_messages = threads_[0]->by_messages.data();
        for (int t = 1; t < threads; t++)
            for (size_t k = 0; k < atoms * s_.message_size(); k++) by_messages[k] += threads_[t]->by_messages[k];
        each_block([&](Thread& own, const Block& block) { answer(own, block, fill, by_messages); });
    }

    T seed(int64_t i) const {
        if constexpr (Traits<T>::dual) return {S(1), static_cast<S>(by_energy_[i])};
        else return i >= 0 ? S(1) : S(0);
    }
    void seeds(const Block& block, T* out) const {
        for (int r = 0; r < BLOCK; r++) out[r] = block.first + r < block.end ? seed(block.first + r) : T{};
    }

    // First layer: energies, and messages to the neighbours.
    template <class Fill>
    void see(Thread& own, const Block& block, const Fill& fill) {
        const int rows = static_cast<int>(block.end - block.first), p = n_.projection_rows, m = s_.rows;
        const Weights<S>& w = weights_.first[block.species];
        const LayerWeights<S>& layer = weights_.layer[block.species];
        Network<T, 2>& network = own.space.network;
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            fill(i, shape_.cutoff, own.space.pairs[r]);
            own.space.sum_pairs(r, grid_);
            if constexpr (!Traits<T>::dual) energies_[i] = core_.repel(own.space.forces.data(), block.species, i, own.space.pairs[r]);
            network.mix(w, r, own.space.density_of(r));
            std::copy_n(network.features(r), s_.feature_size(), features_of(i));
        }
        network.project(w, rows);
        own.scalars.zeros(BLOCK * m);
        T seed[BLOCK];
        seeds(block, seed);
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            std::copy_n(network.inner(r), p, inner_.data() + i * p);
            const T energy = network.interpolate(w, r, seed[r], nullptr);
            if constexpr (!Traits<T>::dual) energies_[i] += energy;
            for (int k = 0; k < p; k++) own.functions[r * p + k] = network.function_row(r, k);
            R* message = messages_.data() + i * s_.message_size();
            std::fill_n(message, s_.message_size(), R{});
            multiply<T, 3>(network.features(r) + n_.channel_rows, n_.channel_rows, layer.vectors.forward, message + m);
        }
        for (int r = 0; r < rows; r += TILE<T>) {
            multiply<T, TILE<T>>(network.inputs(r), n_.input_rows, layer.inputs.forward, own.scalars.data() + r * m);
            multiply<T, TILE<T>>(own.functions.data() + r * p, p, layer.functions.forward, own.scalars.data() + r * m);
        }
        for (int r = 0; r < rows; r++)
            std::copy_n(own.scalars.data() + r * m, m, messages_.data() + (block.first + r) * s_.message_size());
    }

    // Second layer: its energies, and the gradients by messages, by pairs and by the first layer's features.
    template <class Fill>
    void listen(Thread& own, const Block& block, const Fill& fill) {
        const int rows = static_cast<int>(block.end - block.first);
        const Weights<S>& w = weights_.second[block.species];
        const LayerWeights<S>& layer = weights_.layer[block.species];
        const Coupling<T> coupling(weights_.radial.data(), messages_.data(), s_.rows);
        own.coupled.zeros(BLOCK * COUPLED * s_.rows);
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            P& pairs = own.space.pairs[r];
            fill(i, shape_.message_cutoff, pairs);
            pairs.compute(message_grid_);
            R* coupled = own.coupled.data() + r * COUPLED * s_.rows;
            coupling.forward(pairs, coupled);
            R* a = own.second.features(r);
            std::fill_n(a, s_.feature_size(), R{});
            mix<0>(layer, coupled, i, a), mix<1>(layer, coupled, i, a), mix<2>(layer, coupled, i, a);
            own.second.multiply_out(w, r);
        }
        T seed[BLOCK];
        S energy[BLOCK];
        seeds(block, seed);
        Weights<S>* gradient = Traits<T>::dual ? &own.gradients.second[block.species] : nullptr;
        own.second.read_out(w, rows, seed, energy, gradient);
        if constexpr (Traits<T>::dual) own.second.add_linear(rows, seed, *gradient);
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            if constexpr (!Traits<T>::dual) energies_[i] += energy[r];
            const R* by = own.second.by_features(r);
            own.by_coupled.zeros(COUPLED * s_.rows);
            R* below = by_features_.data() + i * s_.feature_size();
            std::fill_n(below, s_.feature_size(), R{});
            unmix<0>(layer, by, own.by_coupled.data(), below), unmix<1>(layer, by, own.by_coupled.data(), below);
            unmix<2>(layer, by, own.by_coupled.data(), below);
            if constexpr (Traits<T>::dual) add_mixing(own, block.species, own.coupled.data() + r * COUPLED * s_.rows, i, by);
            coupling.backward(own.space.pairs[r], own.by_coupled.data(), own.by_messages.data(), own.gradients.radial.data());
            if constexpr (!Traits<T>::dual) own.space.push_gradients(r, i);
        }
    }

    // First layer, backwards.
    template <class Fill>
    void answer(Thread& own, const Block& block, const Fill& fill, const R* by_messages) {
        const int rows = static_cast<int>(block.end - block.first), p = n_.projection_rows, m = s_.rows;
        const Weights<S>& w = weights_.first[block.species];
        const LayerWeights<S>& layer = weights_.layer[block.species];
        Network<T, 2>& network = own.space.network;
        own.scalars.zeros(BLOCK * m);
        for (int r = 0; r < rows; r++) std::copy_n(by_messages + (block.first + r) * s_.message_size(), m, own.scalars.data() + r * m);
        own.by_functions.zeros(BLOCK * p), own.by_inputs.zeros(BLOCK * n_.input_rows);
        for (int r = 0; r < rows; r += TILE<T>) {
            multiply<T, TILE<T>>(own.scalars.data() + r * m, m, layer.functions.backward, own.by_functions.data() + r * p);
            multiply<T, TILE<T>>(own.scalars.data() + r * m, m, layer.inputs.backward, own.by_inputs.data() + r * n_.input_rows);
        }
        T seed[BLOCK];
        seeds(block, seed);
        Weights<S>* gradient = Traits<T>::dual ? &own.gradients.first[block.species] : nullptr;
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            std::copy_n(features_of(i), s_.feature_size(), network.features(r));
            network.multiply_out(w, r);
            std::copy_n(inner_.data() + i * p, p, network.inner(r));
            network.interpolate(w, r, seed[r], gradient, own.by_functions.data() + r * p);
            if constexpr (Traits<T>::dual) add_messages(own, block.species, r, by_messages + i * s_.message_size());
        }
        network.by_inputs(w, rows, seed, own.by_inputs.data());
        if constexpr (Traits<T>::dual) {
            network.add_weights(rows, *gradient);
            network.add_linear(rows, seed, *gradient);
        }
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            R* by = by_features_.data() + i * s_.feature_size();
            multiply<T, 3>(by_messages + i * s_.message_size() + m, m, layer.vectors.backward, by + n_.channel_rows);
            fill(i, shape_.cutoff, own.space.pairs[r]);
            if constexpr (Traits<T>::dual) {
                own.space.sum_pairs(r, grid_);
                network.add_nodal(r, own.space.density_of(r), *gradient, by);
            } else {
                own.space.pairs[r].compute(grid_);
                own.space.push_pairs(r, i, network.by_density(w, r, by));
            }
        }
    }

    // -- derivatives of the gradients by the matrices, dual numbers only

    void add_mixing(Thread& own, int species, const R* coupled, int64_t i, const R* by) {
        LayerWeights<S>& gradient = own.gradients.layer[species];
        for (int l = 0, lm = 0; l < 3; l++)
            for (int m = 0; m < 2 * l + 1; m++, lm++) {
                const R* column = by + lm * n_.channel_rows;
                gradient.mix[l].add(coupled + BEGIN_OF[l] * s_.rows + m * s_.paths(l), column);
                gradient.own[l].add(features_of(i) + lm * n_.channel_rows, column);
            }
    }

    void add_messages(Thread& own, int species, int r, const R* by) {
        LayerWeights<S>& gradient = own.gradients.layer[species];
        Network<T, 2>& network = own.space.network;
        for (int k = 0; k < n_.projection_rows; k++) own.functions[k] = network.function_row(r, k);
        gradient.inputs.add(network.inputs(r), by);
        gradient.functions.add(own.functions.data(), by);
        for (int a = 1; a < MESSAGE; a++) gradient.vectors.add(network.features(r) + a * n_.channel_rows, by + a * s_.rows);
    }

    template <int L>
    void mix(const LayerWeights<S>& w, const R* coupled, int64_t i, R* a) {
        const int k = n_.channel_rows;
        multiply<T, 2 * L + 1>(coupled + BEGIN_OF[L] * s_.rows, s_.paths(L), w.mix[L].forward, a + L * L * k);
        multiply<T, 2 * L + 1>(features_of(i) + L * L * k, k, w.own[L].forward, a + L * L * k);
    }
    template <int L>
    void unmix(const LayerWeights<S>& w, const R* by, R* by_coupled, R* below) const {
        const int k = n_.channel_rows;
        multiply<T, 2 * L + 1>(by + L * L * k, k, w.mix[L].backward, by_coupled + BEGIN_OF[L] * s_.rows);
        multiply<T, 2 * L + 1>(by + L * L * k, k, w.own[L].backward, below + L * L * k);
    }

    R* features_of(int64_t i) { return features_.data() + i * s_.feature_size(); }

    InnShape shape_;
    LayerSizes<S> s_;
    const Sizes<S>& n_;
    RadialGrid<S> grid_, message_grid_;
    const Core<S>& core_;
    const DeepWeights<S>& weights_;
    std::vector<std::unique_ptr<Thread>> threads_;
    Buffer<R> features_, by_features_, inner_, messages_;  // of all atoms
    double* energies_ = nullptr;
    const double* by_energy_ = nullptr;
};

}  // namespace inn
