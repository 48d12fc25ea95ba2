// A component of two layers: messages of the first are summed by the second, and gradients come back.
#include <memory>
#include <vector>

#include "engine.h"
#include "messages.h"
#include "pool.h"

namespace inn {
namespace {

// The matrices around the messages, of one species, for both directions.
template <class S>
struct LayerWeights {
    Panels<S> inputs, functions, vectors, mix[3], own[3];                    // to messages; to features
    Panels<S> to_inputs, to_functions, to_vectors, unmix[3], to_own[3];      // transposed
};

template <class S>
class Deep : public Engine {
    using R = Lanes<S>;
    using Space = Workspace<S, 2>;
    static constexpr int LM = 9, W = WIDTH<S>;

public:
    Deep(const InnShape& shape, const InnCore& core)
        : shape_(shape), n_(shape), rows_(rounded_up(static_cast<int>(shape.messages), W) / W),
          grid_(shape.cutoff, shape.warp, n_.nodes), message_grid_(shape.message_cutoff, shape.warp, n_.nodes),
          core_(shape, core), first_(n_.species), second_(n_.species), layer_(n_.species) {}

    void set_parameters(const InnParameters& flat) override { fill(flat, first_); }

    void set_layer(const InnLayer& flat, const InnParameters& readout) override {
        fill(readout, second_);
        const int f = static_cast<int>(shape_.messages), places = n_.density * PATHS * rows_;
        S* radial = reinterpret_cast<S*>(radial_.zeros(places));
        const S* given = static_cast<const S*>(flat.radial);
        for (int k = 0; k < PATHS; k++)
            for (int g = 0; g < n_.density; g++)
                for (int m = 0; m < f; m++)
                    radial[(static_cast<size_t>(g) * PATHS + k) * rows_ * W + m] = given[(static_cast<size_t>(k) * n_.density + g) * f + m];
        for (int z = 0; z < n_.species; z++) set_matrices(flat, z, layer_[z]);
    }

    void forward(const InnSystem& system, double* energies, double* forces, int threads) override {
        const auto fill = [&](int64_t i, double cutoff, Pairs<S, 2>& pairs) {
            gather(system, Tangent{}, i, cutoff, n_.nodes, pairs);
        };
        sweep(system.species, system.atoms, fill, energies, forces, threads);
    }

    // Training differentiates in torch.
    void backward(const InnSystem&, const double*, const double*, const InnParameters&, int) override {}

    double cutoff() const override { return shape_.cutoff; }

    double evaluate(double* forces, int threads) override {
        const auto fill = [&](int64_t i, double cutoff, Pairs<S, 2>& pairs) { list.gather(i, cutoff, n_.nodes, pairs); };
        sorted_.resize(3 * list.atoms());
        energies_.resize(list.atoms());
        sweep(list.species(), list.atoms(), fill, energies_.data(), sorted_.data(), threads);
        list.scatter(sorted_.data(), forces);
        double total = 0;
        for (const double e : energies_) total += e;
        return total;
    }

private:
    // What a thread keeps between calls, besides the scratch of a component.
    struct Thread {
        Space space;
        Network<S, 2> second;
        Buffer<R> functions, by_functions, by_inputs, coupled, by_coupled, by_messages, by_features;

        Thread(const InnShape& shape, const Sizes<S>& n, int rows) : space(shape), second(shape) {
            functions.zeros(BLOCK * n.projection_rows), by_functions.zeros(BLOCK * n.projection_rows);
            by_inputs.zeros(BLOCK * n.input_rows), by_features.zeros(LM * n.channel_rows);
            coupled.zeros(COUPLED * rows), by_coupled.zeros(COUPLED * rows);
        }
    };

    void fill(const InnParameters& flat, std::vector<Weights<S>>& weights) {
        for (int z = 0; z < n_.species; z++) {
            weights[z].zeros(n_);
            each_parameter(n_, flat, weights[z], z, [](S& own, S& given) { own = given; });
            make_panels(n_, weights[z]);
        }
    }

    // A matrix (inner, columns), of which inner and columns are padded at the given places.
    template <class In, class Out>
    static void set_pair(const S* from, int inner, int columns, int inner_size, int column_rows, int inner_rows, int columns_size,
                         const In& in, const Out& out, Panels<S>& there, Panels<S>& back) {
        Buffer<S> padded;
        const int width = column_rows * W;
        padded.zeros(static_cast<size_t>(inner_size) * width);
        for (int k = 0; k < inner; k++)
            for (int c = 0; c < columns; c++) padded[static_cast<size_t>(in(k)) * width + out(c)] = from[static_cast<size_t>(k) * columns + c];
        there.set(inner_size, column_rows), back.set(columns_size, inner_rows);
        there.fill(padded.data(), width, 1, width);
        back.fill(padded.data(), 1, width, inner_size);
    }

    void set_matrices(const InnLayer& flat, int z, LayerWeights<S>& w) {
        const int f = static_cast<int>(shape_.messages), k = n_.channels, inputs = n_.invariants * k, p = 2 * n_.half;
        const int messages = rows_ * W, channels = n_.channel_rows * W;
        const auto same = [](int c) { return c; };
        const auto at = [&](const void* all, size_t size) { return static_cast<const S*>(all) + z * size; };
        set_pair(at(flat.from_inputs, static_cast<size_t>(inputs) * f), inputs, f, n_.inputs(), rows_, n_.input_rows, messages,
                 [&](int c) { return n_.input(c); }, same, w.inputs, w.to_inputs);
        set_pair(at(flat.from_functions, static_cast<size_t>(p) * f), p, f, n_.projections(), rows_, n_.projection_rows, messages,
                 [&](int c) { return n_.projection(c); }, same, w.functions, w.to_functions);
        set_pair(at(flat.from_vectors, static_cast<size_t>(k) * f), k, f, channels, rows_, n_.channel_rows, messages, same, same,
                 w.vectors, w.to_vectors);
        for (int l = 0; l < 3; l++) {
            const int width = PATHS_TO[l] * f;
            const S* all = at(flat.mixing[l], static_cast<size_t>(width + k) * k);
            set_pair(all, width, k, PATHS_TO[l] * messages, n_.channel_rows, PATHS_TO[l] * rows_, channels,
                     [&](int c) { return c / f * messages + c % f; }, same, w.mix[l], w.unmix[l]);
            set_pair(all + static_cast<size_t>(width) * k, k, k, channels, n_.channel_rows, n_.channel_rows, channels, same, same,
                     w.own[l], w.to_own[l]);
        }
    }

    size_t feature_size() const { return static_cast<size_t>(LM) * n_.channel_rows; }
    size_t message_size() const { return static_cast<size_t>(MESSAGE) * rows_; }

    template <class Fill>
    void sweep(const int64_t* species, int64_t atoms, const Fill& fill, double* energies, double* forces, int threads) {
        const std::vector<Block> blocks = make_blocks(species, atoms);
        while (static_cast<int>(threads_.size()) < threads) threads_.push_back(std::make_unique<Thread>(shape_, n_, rows_));
        features_.reserve(atoms * feature_size()), by_features_.reserve(atoms * feature_size());
        inner_.reserve(atoms * n_.projection_rows), messages_.reserve(atoms * message_size());
        const auto each_block = [&](const auto& f) {
            Pool::run(threads, [&](int t) {
                for (size_t b = t; b < blocks.size(); b += threads) f(*threads_[t], blocks[b]);
            });
        };
        for (int t = 0; t < threads; t++) {
            threads_[t]->space.forces.assign(3 * atoms, 0.0);
            threads_[t]->by_messages.zeros(atoms * message_size());
        }
        each_block([&](Thread& own, const Block& block) { see(own, block, fill, energies); });
        each_block([&](Thread& own, const Block& block) { listen(own, block, fill, energies); });
        Buffer<R>& by_messages = threads_[0]->by_messages;
        for (int t = 1; t < threads; t++)
            for (size_t k = 0; k < atoms * message_size(); k++) by_messages[k] += threads_[t]->by_messages[k];
        each_block([&](Thread& own, const Block& block) { answer(own, block, fill, by_messages.data()); });
        for (int64_t k = 0; k < 3 * atoms; k++) {
            double total = 0;
            for (int t = 0; t < threads; t++) total += threads_[t]->space.forces[k];
            forces[k] = total;
        }
    }

    // First layer: energies, and messages to the neighbours.
    template <class Fill>
    void see(Thread& own, const Block& block, const Fill& fill, double* energies) {
        const int rows = static_cast<int>(block.end - block.first), p = n_.projection_rows;
        const Weights<S>& w = first_[block.species];
        const LayerWeights<S>& layer = layer_[block.species];
        Network<S, 2>& network = own.space.network;
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            fill(i, shape_.cutoff, own.space.pairs[r]);
            own.space.sum_pairs(r, grid_);
            energies[i] = core_.repel(own.space, block.species, i, own.space.pairs[r]);
            network.mix(w, r, own.space.density_of(r));
            std::copy(network.features(r), network.features(r) + feature_size(), features_.data() + i * feature_size());
        }
        network.project(w, rows);
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            std::copy(network.inner(r), network.inner(r) + p, inner_.data() + i * p);
            energies[i] += network.interpolate(w, r, S(1), nullptr);
            std::copy(network.function_values(), network.function_values() + p, own.functions.data() + r * p);
            R* message = messages_.data() + i * message_size();
            std::fill(message, message + message_size(), R{});
            multiply<S, 3>(network.features(r) + n_.channel_rows, n_.channel_rows, layer.vectors, message + rows_);
        }
        R scalars[BLOCK * MOST] = {};
        for (int r = 0; r < rows; r += TILE<S>) {
            multiply<S, TILE<S>>(network.inputs(r), n_.input_rows, layer.inputs, scalars + r * rows_);
            multiply<S, TILE<S>>(own.functions.data() + r * p, p, layer.functions, scalars + r * rows_);
        }
        for (int r = 0; r < rows; r++)
            std::copy(scalars + r * rows_, scalars + (r + 1) * rows_, messages_.data() + (block.first + r) * message_size());
    }

    // Second layer: its energies, and the gradients by messages, by pairs and by the first layer's features.
    template <class Fill>
    void listen(Thread& own, const Block& block, const Fill& fill, double* energies) {
        const int rows = static_cast<int>(block.end - block.first);
        const Weights<S>& w = second_[block.species];
        const LayerWeights<S>& layer = layer_[block.species];
        const Coupling<S> coupling(radial_.data(), messages_.data(), rows_);
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            Pairs<S, 2>& pairs = own.space.pairs[r];
            fill(i, shape_.message_cutoff, pairs);
            pairs.compute(message_grid_);
            coupling.forward(pairs, own.coupled.data());
            R* a = own.second.features(r);
            std::fill(a, a + feature_size(), R{});
            mix<0>(layer, own.coupled.data(), i, a), mix<1>(layer, own.coupled.data(), i, a), mix<2>(layer, own.coupled.data(), i, a);
            own.second.multiply_out(w, r);
        }
        S seed[BLOCK], energy[BLOCK];
        std::fill(seed, seed + BLOCK, S(1));
        own.second.read_out(w, rows, seed, energy, nullptr);
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            energies[i] += energy[r];
            const R* by = own.second.by_features(r);
            own.by_coupled.zeros(static_cast<size_t>(COUPLED) * rows_);
            R* below = by_features_.data() + i * feature_size();
            std::fill(below, below + feature_size(), R{});
            unmix<0>(layer, by, own.by_coupled.data(), below), unmix<1>(layer, by, own.by_coupled.data(), below);
            unmix<2>(layer, by, own.by_coupled.data(), below);
            coupling.backward(own.space.pairs[r], own.by_coupled.data(), own.by_messages.data());
            own.space.push_gradients(r, i);
        }
    }

    // First layer, backwards.
    template <class Fill>
    void answer(Thread& own, const Block& block, const Fill& fill, const R* by_messages) {
        const int rows = static_cast<int>(block.end - block.first), p = n_.projection_rows;
        const Weights<S>& w = first_[block.species];
        const LayerWeights<S>& layer = layer_[block.species];
        Network<S, 2>& network = own.space.network;
        R scalars[BLOCK * MOST] = {};
        for (int r = 0; r < rows; r++) {
            const R* by = by_messages + (block.first + r) * message_size();
            std::copy(by, by + rows_, scalars + r * rows_);
        }
        own.by_functions.zeros(static_cast<size_t>(BLOCK) * p), own.by_inputs.zeros(static_cast<size_t>(BLOCK) * n_.input_rows);
        for (int r = 0; r < rows; r += TILE<S>) {
            multiply<S, TILE<S>>(scalars + r * rows_, rows_, layer.to_functions, own.by_functions.data() + r * p);
            multiply<S, TILE<S>>(scalars + r * rows_, rows_, layer.to_inputs, own.by_inputs.data() + r * n_.input_rows);
        }
        S seed[BLOCK];
        std::fill(seed, seed + BLOCK, S(1));
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            std::copy(features_.data() + i * feature_size(), features_.data() + (i + 1) * feature_size(), network.features(r));
            network.multiply_out(w, r);
            std::copy(inner_.data() + i * p, inner_.data() + (i + 1) * p, network.inner(r));
            network.interpolate(w, r, seed[r], nullptr, own.by_functions.data() + r * p);
        }
        network.by_inputs(w, rows, seed, own.by_inputs.data());
        for (int r = 0; r < rows; r++) {
            const int64_t i = block.first + r;
            R* by = by_features_.data() + i * feature_size();
            multiply<S, 3>(by_messages + i * message_size() + rows_, rows_, layer.to_vectors, by + n_.channel_rows);
            own.space.pairs[r].clear(0);
            fill(i, shape_.cutoff, own.space.pairs[r]);
            own.space.pairs[r].compute(grid_);
            own.space.push_pairs(r, i, network.by_density(w, r, by));
        }
    }

    template <int L>
    void mix(const LayerWeights<S>& w, const R* coupled, int64_t i, R* a) const {
        const int k = n_.channel_rows, x = PATHS_TO[L] * rows_;
        multiply<S, 2 * L + 1>(coupled + BEGIN_OF[L] * rows_, x, w.mix[L], a + L * L * k);
        multiply<S, 2 * L + 1>(features_.data() + i * feature_size() + L * L * k, k, w.own[L], a + L * L * k);
    }
    template <int L>
    void unmix(const LayerWeights<S>& w, const R* by, R* by_coupled, R* below) const {
        const int k = n_.channel_rows;
        multiply<S, 2 * L + 1>(by + L * L * k, k, w.unmix[L], by_coupled + BEGIN_OF[L] * rows_);
        multiply<S, 2 * L + 1>(by + L * L * k, k, w.to_own[L], below + L * L * k);
    }

    static constexpr int MOST = 64 / W;  // rows of messages

    InnShape shape_;
    Sizes<S> n_;
    int rows_;  // of lanes, of the messages
    RadialGrid<S> grid_, message_grid_;
    Core<S> core_;
    std::vector<Weights<S>> first_, second_;
    std::vector<LayerWeights<S>> layer_;
    Buffer<R> radial_;
    std::vector<std::unique_ptr<Thread>> threads_;
    Buffer<R> features_, by_features_, inner_, messages_;  // of all atoms
    std::vector<double> sorted_, energies_;
};

}  // namespace

Engine* make_deep(int dtype, const InnShape& shape, const InnCore& core) {
    if (shape.l_max != 2 || shape.messages > 64) return nullptr;
    if (dtype == 4) return new Deep<float>(shape, core);
    return new Deep<double>(shape, core);
}

}  // namespace inn
