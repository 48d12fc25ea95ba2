// An equivariant component as an engine: energies and forces; see potential/equivariant.py.
#include <algorithm>
#include <memory>
#include <vector>

#include "engine.h"
#include "gather.h"
#include "pool.h"
#include "tensor_messages.h"
#include "tensor_products.h"

namespace inn {
namespace {

// The invariants and their readout know no density of their own.
InnShape readout_shape(InnShape shape) {
    shape.l_max = 0;
    return shape;
}

template <class S>
class Tensors : public Engine {
public:
    Tensors(const InnShape& shape, const InnCore& core)
        : shape_(shape), n_(readout_shape(shape)), grid_(shape.cutoff, shape.warp, n_.nodes), core_(shape, core),
          features_(static_cast<int>(shape.messages)), f_(rounded_up(features_, WIDTH<S>) / WIDTH<S>), k_(n_.channel_rows),
          products_(true, k_, f_), deeper_products_(false, k_, 0), first_(n_.species), second_(n_.species), density_(n_.species),
          mixing_(n_.species) {}

    void set_parameters(const InnParameters& flat) override {
        fill(flat, first_, products_.kinds());
        const S* nodal = static_cast<const S*>(flat.nodal_values);
        const int wide = 3 * n_.channels;
        for (auto& of_species : density_)
            for (auto& matrix : of_species.degree) {
                fill_blocks(matrix, nodal, 1, n_.density, 3, n_.channels);
                nodal += static_cast<size_t>(n_.density) * wide;
            }
    }

    void set_tensors(const InnTensors& flat, const InnParameters& readout) override {
        fill(readout, second_, deeper_products_.kinds());
        const GauntTable high{flat.couplings[0], flat.entries[0]}, low{flat.couplings[1], flat.entries[1]};
        products_.set(high, low, flat.pair_mixing, flat.handing_on, n_.channels, features_);
        deeper_products_.set(low, low, flat.deeper_mixing, nullptr, n_.channels, 0);
        coupling_.set(low);
        radial_.zeros(static_cast<size_t>(n_.density) * 3 * f_);
        for (int l = 0; l < 3; l++) {
            for (int g = 0; g < n_.density; g++)
                std::copy_n(static_cast<const S*>(flat.radial) + (static_cast<size_t>(l) * n_.density + g) * features_, features_,
                            reinterpret_cast<S*>(radial_.data() + (g * 3 + l) * f_));
            const S* from = static_cast<const S*>(flat.message_mixing[l]);
            const size_t columns = static_cast<size_t>(features_) * 3 * n_.channels;
            for (auto& of_species : mixing_) {
                fill_blocks(of_species.coupled[l], from, LOW_PATHS[l], features_, 3, n_.channels);
                fill_blocks(of_species.own[l], from + LOW_PATHS[l] * columns, 1, features_, 3, n_.channels);
                from += (LOW_PATHS[l] + 1) * columns;
            }
        }
    }

    void forward(const InnSystem& system, double* energies, double* forces, int threads) override {
        const auto find = [&](int64_t i, P& pairs) { gather(system, Tangent{}, i, shape_.cutoff, n_.nodes, pairs); };
        run(system.species, system.atoms, find, energies, forces, threads);
    }

    double cutoff() const override { return shape_.cutoff; }

    double evaluate(double* forces, int threads) override {
        const auto find = [&](int64_t i, P& pairs) { list.gather(i, shape_.cutoff, n_.nodes, pairs); };
        sorted_.resize(3 * list.atoms());
        energies_.resize(list.atoms());
        run(list.species(), list.atoms(), find, energies_.data(), sorted_.data(), threads);
        list.scatter(sorted_.data(), forces);
        double total = 0;
        for (const double e : energies_) total += e;
        return total;
    }

private:
    using R = Lanes<S>;
    using P = Pairs<S, 3>;
    static constexpr int HIGH = P::LM;

    struct Densities {
        Matrix<S> degree[4];
    };
    struct Mixing {
        Matrix<S> coupled[3], own[3];
    };
    // What a thread keeps between calls.
    struct Thread {
        Readout<S> first, second;
        typename TensorProducts<S>::Scratch scratch;
        Buffer<R> nodal, density, left, outer, coupled, a, p, by_a, by_features;
        std::vector<double> forces;

        Thread(const InnShape& shape, int kinds, int deeper) : first(shape, kinds), second(shape, deeper) {}
    };

    void fill(InnParameters flat, std::vector<Weights<S>>& weights, int kinds) {
        const Sizes<S> n(readout_shape(shape_), kinds);
        flat.nodal_values = nullptr;
        for (int z = 0; z < n.species; z++) {
            weights[z].zeros(n);
            each_parameter(n, flat, weights[z], z, [](S& own, S& given) { own = given; });
            make_panels(n, weights[z]);
        }
    }

    // Energies (atoms) and forces (atoms, 3). Blocks are dealt to the threads in turn, and what these sum is
    // added in their order: the result depends on their number only.
    template <class Find>
    void run(const int64_t* species, int64_t atoms, const Find& find, double* energies, double* forces, int threads) {
        const std::vector<Block> blocks = make_blocks(species, atoms);
        while (static_cast<int>(threads_.size()) < threads)
            threads_.push_back(std::make_unique<Thread>(readout_shape(shape_), products_.kinds(), deeper_products_.kinds()));
        if (static_cast<int64_t>(pairs_.size()) < atoms) pairs_.resize(atoms);
        a_.reserve(atoms * a_size()), p_.reserve(atoms * LEFT * k_), h_.reserve(atoms * h_size());
        by_inputs_.reserve(atoms * products_.kinds() * k_);
        for (int t = 0; t < threads; t++) {
            threads_[t]->forces.assign(3 * atoms, 0.0);
            threads_[t]->by_features.zeros(atoms * h_size());
        }
        const auto each_block = [&](const auto& f) {
            Pool::run(threads, [&](int t) {
                for (size_t b = t; b < blocks.size(); b += threads) f(*threads_[t], blocks[b]);
            });
        };
        each_block([&](Thread& own, const Block& block) { see(own, block, find, energies); });
        each_block([&](Thread& own, const Block& block) { listen(own, block, energies); });
        R* by_features = threads_[0]->by_features.data();
        for (int t = 1; t < threads; t++)
            for (size_t k = 0; k < atoms * h_size(); k++) by_features[k] += threads_[t]->by_features[k];
        each_block([&](Thread& own, const Block& block) { answer(own, block, by_features); });
        for (int64_t k = 0; k < 3 * atoms; k++) {
            double total = 0;
            for (int t = 0; t < threads; t++) total += threads_[t]->forces[k];
            forces[k] = total;
        }
    }

    // First layer: its energies, and the features.
    template <class Find>
    void see(Thread& own, const Block& block, const Find& find, double* energies) {
        const int rows = static_cast<int>(block.end - block.first);
        const Weights<S>& w = first_[block.species];
        S seed[BLOCK] = {}, energy[BLOCK];
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            seed[r] = 1;
            find(i, pairs_[i]);
            pairs_[i].compute(grid_);
            energies[i] = core_.repel(own.forces.data(), block.species, i, pairs_[i]);
            mix_density(own, density_[block.species], pairs_[i], a_of(i));
            products_.forward(a_of(i), own.scratch, p_of(i), own.first.inputs(r), h_of(i));
            own.first.centre(w, r);
        }
        own.first.read_out(w, rows, seed, energy, nullptr);
        for (int r = 0; r < rows; r++) {
            energies[block.first + r] += energy[r];
            std::copy_n(own.first.by_input(r), products_.kinds() * k_, by_inputs_of(block.first + r));
        }
    }

    // Second layer: its energies, and the gradients by features and pairs.
    void listen(Thread& own, const Block& block, double* energies) {
        const int rows = static_cast<int>(block.end - block.first), size = LEFT * 3 * k_;
        const Weights<S>& w = second_[block.species];
        const Mixing& mixing = mixing_[block.species];
        const TensorMessages<S> messages(radial_.data(), h_.data(), f_);
        const int coupled_size = begin_of(LOW_PATHS, 3) * f_;
        R *a = own.a.zeros(BLOCK * size), *p = own.p.zeros(BLOCK * LEFT * k_), *by_a = own.by_a.zeros(HIGH * 3 * k_);
        S seed[BLOCK] = {}, energy[BLOCK];
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            seed[r] = 1;
            R *outer = own.outer.reserve(LEFT * LEFT * f_), *coupled = own.coupled.zeros(coupled_size);
            messages.forward(pairs_[i], own.left, outer);
            coupling_.add(outer, coupled, f_);
            each_degree([&](auto l) {
                multiply<S, 2 * l + 1>(coupled + begin_of(LOW_PATHS, l) * f_, LOW_PATHS[l] * f_, mixing.coupled[l].forward, a + r * size + l * l * 3 * k_);
                multiply<S, 2 * l + 1>(h_of(i) + l * l * f_, f_, mixing.own[l].forward, a + r * size + l * l * 3 * k_);
            });
            deeper_products_.forward(a + r * size, own.scratch, p + r * LEFT * k_, own.second.inputs(r), nullptr);
            own.second.centre(w, r);
        }
        own.second.read_out(w, rows, seed, energy, nullptr);
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            energies[i] += energy[r];
            deeper_products_.backward(a + r * size, p + r * LEFT * k_, own.second.by_input(r), nullptr, own.scratch, by_a);
            R *by_outer = own.outer.zeros(LEFT * LEFT * f_), *by_coupled = own.coupled.zeros(coupled_size);
            each_degree([&](auto l) {
                const R* by = by_a + l * l * 3 * k_;
                multiply<S, 2 * l + 1>(by, 3 * k_, mixing.coupled[l].backward, by_coupled + begin_of(LOW_PATHS, l) * f_);
                multiply<S, 2 * l + 1>(by, 3 * k_, mixing.own[l].backward, own.by_features.data() + i * h_size() + l * l * f_);
            });
            coupling_.add_back(by_coupled, by_outer, f_);
            messages.backward(pairs_[i], by_outer, own.by_features.data());
        }
    }

    // First layer, backwards.
    void answer(Thread& own, const Block& block, const R* by_features) {
        R* by_a = own.by_a.reserve(HIGH * 3 * k_);
        for (int64_t i = block.first; i < block.end; i++) {
            products_.backward(a_of(i), p_of(i), by_inputs_of(i), by_features + i * h_size(), own.scratch, by_a);
            unmix_density(own, density_[block.species], by_a);
            pairs_[i].template pull<true>(own.nodal.data());
            push_gradients(pairs_[i], i, own.forces.data());
        }
    }

    // a (lm, 3 * k) from the sums over the pairs of basis functions and harmonics.
    void mix_density(Thread& own, const Densities& w, const P& pairs, R* a) {
        R* nodal = own.nodal.zeros(static_cast<size_t>(n_.density) * P::ROWS);
        R* density = own.density.zeros(static_cast<size_t>(HIGH) * n_.density_rows);
        pairs.accumulate(nodal);
        for (int g = 0; g < n_.density; g++)
            for (int m = 0; m < HIGH; m++) numbers(density + m * n_.density_rows)[g] = numbers(nodal + static_cast<size_t>(g) * P::ROWS)[m];
        std::fill_n(a, a_size(), R{});
        const auto mix = [&](auto l) {
            multiply<S, 2 * l + 1>(density + l * l * n_.density_rows, n_.density_rows, w.degree[l].forward, a + l * l * 3 * k_);
        };
        each_degree(mix), mix(std::integral_constant<int, 3>());
    }
    void unmix_density(Thread& own, const Densities& w, const R* by_a) {
        R* nodal = own.nodal.reserve(static_cast<size_t>(n_.density) * P::ROWS);
        R* density = own.density.zeros(static_cast<size_t>(HIGH) * n_.density_rows);
        const auto unmix = [&](auto l) {
            multiply<S, 2 * l + 1>(by_a + l * l * 3 * k_, 3 * k_, w.degree[l].backward, density + l * l * n_.density_rows);
        };
        each_degree(unmix), unmix(std::integral_constant<int, 3>());
        for (int g = 0; g < n_.density; g++)
            for (int m = 0; m < HIGH; m++) numbers(nodal + static_cast<size_t>(g) * P::ROWS)[m] = numbers(density + m * n_.density_rows)[g];
    }

    static S* numbers(R* rows) { return reinterpret_cast<S*>(rows); }

    template <class F>
    static void each_degree(const F& f) {
        f(std::integral_constant<int, 0>()), f(std::integral_constant<int, 1>()), f(std::integral_constant<int, 2>());
    }

    size_t a_size() const { return static_cast<size_t>(HIGH) * 3 * k_; }
    size_t h_size() const { return static_cast<size_t>(LEFT) * f_; }
    R* a_of(int64_t i) { return a_.data() + i * a_size(); }
    R* p_of(int64_t i) { return p_.data() + i * LEFT * k_; }
    R* h_of(int64_t i) { return h_.data() + i * h_size(); }
    R* by_inputs_of(int64_t i) { return by_inputs_.data() + i * products_.kinds() * k_; }

    InnShape shape_;
    Sizes<S> n_;
    RadialGrid<S> grid_;
    Core<S> core_;
    int features_, f_, k_;  // numbers of features, rows of lanes of them and of channels
    TensorProducts<S> products_, deeper_products_;
    std::vector<Weights<S>> first_, second_;  // of the readouts, by species
    std::vector<Densities> density_;
    std::vector<Mixing> mixing_;
    OuterGaunt<S> coupling_;
    Buffer<R> radial_;  // (species * nodes, degree, feature)
    std::vector<std::unique_ptr<Thread>> threads_;
    std::vector<P> pairs_;            // of all atoms, and so on: kept from the way there for the way back
    Buffer<R> a_, p_, h_, by_inputs_;
    std::vector<double> sorted_, energies_;
};

}  // namespace

Engine* make_tensors(int dtype, const InnShape& shape, const InnCore& core) {
    if (dtype == 4) return new Tensors<float>(shape, core);
    return new Tensors<double>(shape, core);
}

}  // namespace inn
