// A component in one pass: energies and forces without autograd, and their parameter gradients.
#include <memory>
#include <vector>

#include "engine.h"
#include "pool.h"

namespace inn {
namespace {

template <class S, int LMAX>
class Component : public Engine {
public:
    Component(const InnShape& shape, const InnCore& core)
        : shape_(shape), sizes_(shape), grid_(shape.cutoff, shape.warp, static_cast<int>(shape.nodes)),
          core_(shape, core), weights_(sizes_.species) {}

    void set_parameters(const InnParameters& flat) override {
        for (int z = 0; z < sizes_.species; z++) {
            weights_[z].zeros(sizes_);
            each_parameter(sizes_, flat, weights_[z], z, [](S& own, S& given) { own = given; });
            make_panels(sizes_, weights_[z]);
        }
    }

    void forward(const InnSystem& system, double* energies, double* forces, int threads) override {
        const auto fill = [&](int64_t i, Pairs<S, LMAX>& pairs) {
            gather(system, Tangent{}, i, shape_.cutoff, sizes_.nodes, pairs);
        };
        sweep(system.species, system.atoms, fill, energies, forces, threads);
    }

    void backward(const InnSystem& system, const double* by_energy, const double* by_force,
                  const InnParameters& out, const InnLayer*, const InnParameters*, int threads) override {
        using T = Dual<S>;
        // d(loss) = by_energy . d(energies) + by_force . d(forces): the second is the derivative of
        // the energy gradient along -by_force, which dual positions give.
        std::vector<double> tangent(by_force, by_force + 3 * system.atoms);
        for (double& t : tangent) t = -t;
        const std::vector<Block> blocks = make_blocks(system.species, system.atoms);
        prepare(dual_, threads);
        Pool::run(threads, [&](int t) {
            Workspace<T, LMAX>& own = *dual_[t];
            own.gradients.resize(sizes_.species);
            for (auto& g : own.gradients) g.zeros(sizes_);
            for (size_t b = t; b < blocks.size(); b += threads) {
                const Block& block = blocks[b];
                const int rows = static_cast<int>(block.end - block.first);
                T seed[BLOCK];
                S unused[BLOCK];
                for (int r = 0; r < rows; r++) {
                    seed[r] = {S(1), static_cast<S>(by_energy[block.first + r])};
                    gather(system, Tangent{tangent.data()}, block.first + r, shape_.cutoff, sizes_.nodes, own.pairs[r]);
                    own.sum_pairs(r, grid_);
                    own.network.mix(weights_[block.species], r, own.density_of(r));
                }
                Weights<S>& gradient = own.gradients[block.species];
                own.network.read_out(weights_[block.species], rows, seed, unused, &gradient);
                own.network.add_linear(rows, seed, gradient);
                for (int r = 0; r < rows; r++) own.network.add_nodal(r, own.density_of(r), gradient);
            }
        });
        for (int z = 0; z < sizes_.species; z++)
            for (int t = 0; t < threads; t++)
                each_parameter(sizes_, out, dual_[t]->gradients[z], z, [t](S& own, S& given) { given = t ? given + own : own; });
    }

    double cutoff() const override { return shape_.cutoff; }

    double evaluate(double* forces, int threads) override {
        const auto fill = [&](int64_t i, Pairs<S, LMAX>& pairs) {
            list.gather(i, shape_.cutoff, sizes_.nodes, pairs);
        };
        sorted_.resize(3 * list.atoms());
        energies_.resize(list.atoms());
        sweep(list.species(), list.atoms(), fill, energies_.data(), sorted_.data(), threads);
        list.scatter(sorted_.data(), forces);
        double total = 0;
        for (const double e : energies_) total += e;
        return total;
    }

private:
    template <class T>
    using Spaces = std::vector<std::unique_ptr<Workspace<T, LMAX>>>;

    template <class T>
    void prepare(Spaces<T>& spaces, int threads) {
        while (static_cast<int>(spaces.size()) < threads) spaces.push_back(std::make_unique<Workspace<T, LMAX>>(shape_));
    }

    // Energies (atoms) and forces (atoms, 3). Blocks are dealt to the threads in turn, and partial
    // forces added in the order of threads: the result depends on their number only.
    template <class Fill>
    void sweep(const int64_t* species, int64_t atoms, const Fill& fill, double* energies, double* forces,
               int threads) {
        const std::vector<Block> blocks = make_blocks(species, atoms);
        prepare(plain_, threads);
        Pool::run(threads, [&](int t) {
            Workspace<S, LMAX>& own = *plain_[t];
            own.forces.assign(3 * atoms, 0.0);
            for (size_t b = t; b < blocks.size(); b += threads) evaluate_block(own, blocks[b], fill, energies);
        });
        for (int64_t k = 0; k < 3 * atoms; k++) {
            double total = 0;
            for (int t = 0; t < threads; t++) total += plain_[t]->forces[k];
            forces[k] = total;
        }
    }

    template <class Fill>
    void evaluate_block(Workspace<S, LMAX>& own, const Block& block, const Fill& fill, double* energies) {
        const int rows = static_cast<int>(block.end - block.first);
        const Weights<S>& w = weights_[block.species];
        S seed[BLOCK], energy[BLOCK];
        for (int r = 0; r < rows; r++) {
            seed[r] = 1;
            fill(block.first + r, own.pairs[r]);
            own.sum_pairs(r, grid_);
            energies[block.first + r] = core_.repel(own.forces.data(), block.species, block.first + r, own.pairs[r]);
            own.network.mix(w, r, own.density_of(r));
        }
        own.network.read_out(w, rows, seed, energy, nullptr);
        for (int r = 0; r < rows; r++) {
            energies[block.first + r] += energy[r];
            own.push_pairs(r, block.first + r, own.network.by_density(w, r));
        }
    }

    InnShape shape_;
    Sizes<S> sizes_;
    RadialGrid<S> grid_;
    Core<S> core_;
    std::vector<Weights<S>> weights_;
    Spaces<S> plain_;
    Spaces<Dual<S>> dual_;
    std::vector<double> sorted_, energies_;
};

template <class S>
Engine* make_engine(const InnShape& shape, const InnCore& core) {
    switch (shape.l_max) {
        case 0: return new Component<S, 0>(shape, core);
        case 1: return new Component<S, 1>(shape, core);
        case 2: return new Component<S, 2>(shape, core);
        default: return nullptr;
    }
}

}  // namespace

Engine* make_component(int dtype, const InnShape& shape, const InnCore& core) {
    return dtype == 4 ? make_engine<float>(shape, core) : make_engine<double>(shape, core);
}

}  // namespace inn
