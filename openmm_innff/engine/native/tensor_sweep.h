// Through both layers of an equivariant component and back, on plain or on dual numbers.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "pool.h"
#include "tensor_messages.h"
#include "tensor_weights.h"
#include "workspace.h"

namespace inn {

template <class T>
class TensorSweep {
public:
    using S = Scalar<T>;
    using R = Row<T>;
    using P = Pairs<T, 3>;

    TensorSweep(const InnShape& shape, const Core<S>& core, const TensorWeights<S>& weights, const Couplings<S>& couplings,
                const Couplings<S>& deeper, const OuterGaunt<S>& coupling)
        : s_(shape), n_(s_.n), grid_(shape.cutoff, shape.warp, n_.nodes), core_(core), weights_(weights),
          products_(weights.products, couplings), deeper_products_(weights.deeper, deeper), coupling_(coupling) {}

    // Energies (atoms) and forces (atoms, 3); find(i, pairs) finds the pairs of atom i. Blocks of atoms are
    // dealt to the threads in turn, and what these sum is added in their order: the result depends on their
    // number only.
    template <class Find>
    void forward(const int64_t* species, int64_t atoms, const Find& find, double* energies, double* forces, int threads) {
        static_assert(!Traits<T>::dual, "forces are plain");
        run(species, atoms, find, nullptr, energies, threads);
        for (int64_t k = 0; k < 3 * atoms; k++) {
            double total = 0;
            for (int t = 0; t < threads; t++) total += threads_[t]->forces[k];
            forces[k] = total;
        }
    }

    // Gradients by the parameters: derivatives along the direction of the dual pairs, for the adjoint
    // {1, by_energy} of each energy.
    template <class Find>
    void backward(const int64_t* species, int64_t atoms, const Find& find, const double* by_energy, int threads) {
        static_assert(Traits<T>::dual, "gradients need dual numbers");
        run(species, atoms, find, by_energy, nullptr, threads);
    }
    TensorWeights<S>& gradients(int thread) { return threads_[thread]->gradients; }

private:
    static constexpr int HIGH = TensorSizes<S>::HIGH;

    // What a thread keeps between calls.
    struct Thread {
        Readout<T> first, second;
        typename TensorProducts<T>::Scratch scratch;
        Buffer<R> nodal, density, left, outer, coupled, a, p, by_a, by_features;
        std::vector<double> forces;
        TensorWeights<S> gradients;

        explicit Thread(const TensorSizes<S>& s) : first(s.readout, 13), second(s.readout, 12), gradients(s) {}
    };

    template <class Find>
    void run(const int64_t* species, int64_t atoms, const Find& find, const double* by_energy, double* energies, int threads) {
        const std::vector<Block> blocks = make_blocks(species, atoms);
        while (static_cast<int>(threads_.size()) < threads) threads_.push_back(std::make_unique<Thread>(s_));
        if (static_cast<int64_t>(pairs_.size()) < atoms) pairs_.resize(atoms);
        a_.reserve(atoms * s_.a_size()), p_.reserve(atoms * s_.p_size()), h_.reserve(atoms * s_.h_size());
        if constexpr (Traits<T>::dual) density_.reserve(atoms * s_.density_size());
        by_inputs_.reserve(atoms * products_.kinds() * s_.k);
        by_energy_ = by_energy, energies_ = energies;
        for (int t = 0; t < threads; t++) {
            threads_[t]->forces.assign(3 * atoms, 0.0);
            threads_[t]->by_features.zeros(atoms * s_.h_size());
            if constexpr (Traits<T>::dual) threads_[t]->gradients.zeros(s_);
        }
        const auto each_block = [&](const auto& f) {
            Pool::run(threads, [&](int t) {
                for (size_t b = t; b < blocks.size(); b += threads) f(*threads_[t], blocks[b]);
            });
        };
        each_block([&](Thread& own, const Block& block) { see(own, block, find); });
        each_block([&](Thread& own, const Block& block) { listen(own, block); });
        R* by_features = threads_[0]->by_features.data();
        for (int t = 1; t < threads; t++)
            for (size_t k = 0; k < atoms * s_.h_size(); k++) by_features[k] += threads_[t]->by_features[k];
        each_block([&](Thread& own, const Block& block) { answer(own, block, by_features); });
    }

    // First layer: its energies, and the features.
    template <class Find>
    void see(Thread& own, const Block& block, const Find& find) {
        const int rows = static_cast<int>(block.end - block.first);
        const Weights<S>& w = weights_.first[block.species];
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            find(i, pairs_[i]);
            pairs_[i].compute(grid_);
            if constexpr (!Traits<T>::dual) energies_[i] = core_.repel(own.forces.data(), block.species, i, pairs_[i]);
            mix_density(own, block.species, i);
            products_.forward(a_of(i), own.scratch, p_of(i), own.first.inputs(r), h_of(i));
            own.first.centre(w, r);
        }
        read_out(own.first, w, block, own.gradients.first[block.species]);
        for (int r = 0; r < rows; r++) std::copy_n(own.first.by_input(r), products_.kinds() * s_.k, by_inputs_of(block.first + r));
    }

    // Second layer: its energies, and the gradients by features and pairs.
    void listen(Thread& own, const Block& block) {
        const int rows = static_cast<int>(block.end - block.first), step = 3 * s_.k, size = LEFT * step, f = s_.f;
        const Weights<S>& w = weights_.second[block.species];
        const auto& mixing = weights_.species[block.species];
        const TensorMessages<T> messages(weights_.radial.data(), h_.data(), f);
        const int coupled_size = begin_of(LOW_PATHS, 3) * f;
        R *a = own.a.zeros(BLOCK * size), *p = own.p.zeros(BLOCK * s_.p_size()), *by_a = own.by_a.zeros(HIGH * step);
        R* coupled = own.coupled.zeros((BLOCK + 1) * coupled_size);
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            R *outer = own.outer.reserve(LEFT * LEFT * f), *ours = coupled + r * coupled_size;
            messages.forward(pairs_[i], own.left, outer);
            coupling_.add(outer, ours, f);
            each_degree([&](auto l) {
                multiply<T, 2 * l + 1>(ours + begin_of(LOW_PATHS, l) * f, LOW_PATHS[l] * f, mixing.coupled[l].forward, a + r * size + l * l * step);
                multiply<T, 2 * l + 1>(h_of(i) + l * l * f, f, mixing.own[l].forward, a + r * size + l * l * step);
            });
            deeper_products_.forward(a + r * size, own.scratch, p + r * s_.p_size(), own.second.inputs(r), nullptr);
            own.second.centre(w, r);
        }
        read_out(own.second, w, block, own.gradients.second[block.species]);
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            deeper_products_.backward(a + r * size, p + r * s_.p_size(), own.second.by_input(r), nullptr, own.scratch, by_a, &own.gradients.deeper);
            R *by_outer = own.outer.zeros(LEFT * LEFT * f), *by_coupled = coupled + BLOCK * coupled_size;
            std::fill_n(by_coupled, coupled_size, R{});
            each_degree([&](auto l) {
                const R* by = by_a + l * l * step;
                multiply<T, 2 * l + 1>(by, step, mixing.coupled[l].backward, by_coupled + begin_of(LOW_PATHS, l) * f);
                multiply<T, 2 * l + 1>(by, step, mixing.own[l].backward, own.by_features.data() + i * s_.h_size() + l * l * f);
                if constexpr (Traits<T>::dual) {
                    auto& gradient = own.gradients.species[block.species];
                    const R* of_degree = coupled + r * coupled_size + begin_of(LOW_PATHS, l) * f;
                    gradient.coupled[l].template add<2 * l + 1>(of_degree, LOW_PATHS[l] * f, by, step);
                    gradient.own[l].template add<2 * l + 1>(h_of(i) + l * l * f, f, by, step);
                }
            });
            coupling_.add_back(by_coupled, by_outer, f);
            messages.backward(pairs_[i], by_outer, own.by_features.data(), own.gradients.radial.data());
        }
    }

    // First layer, backwards.
    void answer(Thread& own, const Block& block, const R* by_features) {
        R* by_a = own.by_a.reserve(s_.a_size());
        for (int64_t i = block.first; i < block.end; i++) {
            products_.backward(a_of(i), p_of(i), by_inputs_of(i), by_features + i * s_.h_size(), own.scratch, by_a, &own.gradients.products);
            if constexpr (Traits<T>::dual) {
                each_density_degree([&](auto l) {
                    own.gradients.species[block.species].density[l].template add<2 * l + 1>(
                        density_of(i) + l * l * n_.density_rows, n_.density_rows, by_a + l * l * 3 * s_.k, 3 * s_.k);
                });
            } else {
                unmix_density(own, block.species, by_a);
                pairs_[i].template pull<true>(own.nodal.data());
                push_gradients(pairs_[i], i, own.forces.data());
            }
        }
    }

    // Energies of the atoms of a block, and their gradients by the invariants.
    void read_out(Readout<T>& readout, const Weights<S>& w, const Block& block, Weights<S>& gradient) {
        const int rows = static_cast<int>(block.end - block.first);
        T seed[BLOCK] = {};
        S energy[BLOCK];
        for (int r = 0; r < rows; r++) {
            if constexpr (Traits<T>::dual) seed[r] = {S(1), static_cast<S>(by_energy_[block.first + r])};
            else seed[r] = 1;
        }
        readout.read_out(w, rows, seed, energy, Traits<T>::dual ? &gradient : nullptr);
        if constexpr (Traits<T>::dual) readout.add_linear(rows, seed, gradient);
        else for (int r = 0; r < rows; r++) energies_[block.first + r] += energy[r];
    }

    // a (lm, 3 * k) of an atom from the sums over its pairs of basis functions and harmonics.
    void mix_density(Thread& own, int species, int64_t i) {
        R* nodal = own.nodal.zeros(static_cast<size_t>(n_.density) * P::ROWS);
        // On the way back gradients by the parameters need it, forces do not.
        R* density = Traits<T>::dual ? density_of(i) : own.density.reserve(s_.density_size());
        std::fill_n(density, s_.density_size(), R{});
        pairs_[i].accumulate(nodal);
        for (int g = 0; g < n_.density; g++)
            for (int m = 0; m < HIGH; m++)
                Element<T>::set(density + m * n_.density_rows, g, Element<T>::get(nodal + static_cast<size_t>(g) * P::ROWS, m));
        std::fill_n(a_of(i), s_.a_size(), R{});
        each_density_degree([&](auto l) {
            multiply<T, 2 * l + 1>(density + l * l * n_.density_rows, n_.density_rows, weights_.species[species].density[l].forward,
                                   a_of(i) + l * l * 3 * s_.k);
        });
    }
    // The gradient by those sums from that by a.
    void unmix_density(Thread& own, int species, const R* by_a) {
        R* nodal = own.nodal.reserve(static_cast<size_t>(n_.density) * P::ROWS);
        R* density = own.density.zeros(s_.density_size());
        each_density_degree([&](auto l) {
            multiply<T, 2 * l + 1>(by_a + l * l * 3 * s_.k, 3 * s_.k, weights_.species[species].density[l].backward,
                                   density + l * l * n_.density_rows);
        });
        for (int g = 0; g < n_.density; g++)
            for (int m = 0; m < HIGH; m++)
                Element<T>::set(nodal + static_cast<size_t>(g) * P::ROWS, m, Element<T>::get(density + m * n_.density_rows, g));
    }

    template <class F>
    static void each_density_degree(const F& f) {
        each_degree(f), f(std::integral_constant<int, 3>());
    }

    R* density_of(int64_t i) { return density_.data() + i * s_.density_size(); }
    R* a_of(int64_t i) { return a_.data() + i * s_.a_size(); }
    R* p_of(int64_t i) { return p_.data() + i * s_.p_size(); }
    R* h_of(int64_t i) { return h_.data() + i * s_.h_size(); }
    R* by_inputs_of(int64_t i) { return by_inputs_.data() + i * products_.kinds() * s_.k; }

    TensorSizes<S> s_;
    const Sizes<S>& n_;
    RadialGrid<S> grid_;
    const Core<S>& core_;
    const TensorWeights<S>& weights_;
    TensorProducts<T> products_, deeper_products_;
    const OuterGaunt<S>& coupling_;
    std::vector<std::unique_ptr<Thread>> threads_;
    std::vector<P> pairs_;  // of all atoms, and so on: kept from the way there for the way back
    Buffer<R> density_, a_, p_, h_, by_inputs_;
    const double* by_energy_ = nullptr;
    double* energies_ = nullptr;
};

}  // namespace inn
