// What a thread works with: a block of atoms, their pairs, and forces of its own.
#pragma once

#include <vector>

#include "gather.h"
#include "network.h"
#include "repulsion.h"

namespace inn {

// Atoms of one species that are evaluated together.
struct Block {
    int species;
    int64_t first, end;
};

inline std::vector<Block> make_blocks(const int64_t* species, int64_t atoms) {
    std::vector<Block> blocks;
    for (int64_t i = 0; i < atoms;) {
        int64_t end = i + 1;
        while (end < atoms && end - i < BLOCK && species[end] == species[i]) end++;
        blocks.push_back({static_cast<int>(species[i]), i, end});
        i = end;
    }
    return blocks;
}

// Add the forces (atoms, 3) of the pairs of atom i, from the gradients by their harmonics and by r^2.
template <class P>
void push_gradients(P& pairs, int64_t i, double* forces) {
    pairs.to_gradients();
    double total[3] = {};
    for (int p = 0; p < pairs.count; p++) {
        double* there = forces + 3 * static_cast<size_t>(pairs.other[p]);
        const double g[3] = {pairs.x[p], pairs.y[p], pairs.z[p]};
        for (int a = 0; a < 3; a++) total[a] += g[a], there[a] -= g[a];
    }
    for (int a = 0; a < 3; a++) forces[3 * i + a] += total[a];
}

// What a thread keeps between calls.
template <class T, int LMAX>
struct Workspace {
    using S = Scalar<T>;
    using P = Pairs<T, LMAX>;
    Network<T, LMAX> network;
    P pairs[BLOCK];
    Buffer<Row<T>> density;    // (lm, sn) of each atom of a block
    Buffer<Row<T>> by_node;    // (sn, lm)
    std::vector<double> forces;
    std::vector<Weights<S>> gradients;

    explicit Workspace(const InnShape& shape) : network(shape) {
        const Sizes<S>& n = network.sizes();
        density.zeros(static_cast<size_t>(BLOCK) * P::LM * n.density_rows);
        by_node.zeros(static_cast<size_t>(n.density) * P::ROWS);
    }
    Row<T>* density_of(int r) { return density.data() + static_cast<size_t>(r) * P::LM * network.sizes().density_rows; }

    // (sn, lm) sums over the pairs, then turned to (lm, sn).
    void sum_pairs(int r, const RadialGrid<S>& grid) {
        const Sizes<S>& n = network.sizes();
        by_node.zeros(static_cast<size_t>(n.density) * P::ROWS);
        pairs[r].compute(grid);
        pairs[r].accumulate(by_node.data());
        Row<T>* density = density_of(r);
        for (int g = 0; g < n.density; g++)
            for (int m = 0; m < P::LM; m++)
                Element<T>::set(density + m * n.density_rows, g,
                                Element<T>::get(by_node.data() + static_cast<size_t>(g) * P::ROWS, m));
    }

    // Forces of the pairs of atom i, from the gradient by its density.
    void push_pairs(int r, int64_t i, const Row<T>* by_density) {
        const Sizes<S>& n = network.sizes();
        for (int g = 0; g < n.density; g++)
            for (int m = 0; m < P::LM; m++)
                Element<T>::set(by_node.data() + static_cast<size_t>(g) * P::ROWS, m,
                                Element<T>::get(by_density + m * n.density_rows, g));
        pairs[r].pull(by_node.data());
        push_gradients(r, i);
    }

    // Forces of the pairs of atom i, from the gradients by their harmonics and by r^2.
    void push_gradients(int r, int64_t i) { inn::push_gradients(pairs[r], i, forces.data()); }
};

// Core repulsion of the pairs of a component that holds it.
template <class S>
class Core {
public:
    Core(const InnShape& shape, const InnCore& core) : species_(static_cast<int>(shape.species)), nodes_(static_cast<int>(shape.nodes)) {
        // A little wider than the repulsion, since pairs may be in single precision.
        limits_.assign(static_cast<size_t>(species_) * species_ * nodes_, S(0));
        if (!core.radius) return;
        const int n = species_ * species_;
        radius_.assign(core.radius, core.radius + n);
        strength_.assign(core.strength, core.strength + n);
        inverse_length_.assign(core.inverse_length, core.inverse_length + n);
        for (const double r : radius_) reach_ = r > reach_ ? r : reach_;
        for (size_t k = 0; k < limits_.size() && reach_ > 0; k++)
            limits_[k] = static_cast<S>(1.001 * radius_[k / nodes_] * radius_[k / nodes_]);
    }

    // Energy of atom i; adds to the forces (atoms, 3).
    template <int LMAX>
    double repel(double* forces, int species, int64_t i, const Pairs<S, LMAX>& pairs) const {
        if (reach_ <= 0 || !pairs.any_within(limits_.data() + static_cast<size_t>(species) * species_ * nodes_)) return 0;
        double energy = 0;
        for (int p = 0; p < pairs.count; p++) {
            const double v[3] = {pairs.x[p], pairs.y[p], pairs.z[p]};
            const double square = v[0] * v[0] + v[1] * v[1] + v[2] * v[2] + TINY;
            if (square >= reach_ * reach_) continue;
            const int k = species * species_ + pairs.node[p] / nodes_;
            if (square >= radius_[k] * radius_[k]) continue;
            double slope;
            energy += core_repulsion(square, radius_[k], strength_[k], inverse_length_[k], slope);
            for (int a = 0; a < 3; a++) {
                forces[3 * i + a] += 2 * slope * v[a];
                forces[3 * pairs.other[p] + a] -= 2 * slope * v[a];
            }
        }
        return energy;
    }

private:
    int species_, nodes_;
    std::vector<double> radius_, strength_, inverse_length_;
    std::vector<S> limits_;  // (species, density): r^2 below which a pair at that node may repel
    double reach_ = 0;
};

}  // namespace inn
