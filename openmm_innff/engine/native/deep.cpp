// A component of two layers as an engine: energies and forces, and the gradients that training needs.
#include "engine.h"
#include "sweep.h"

namespace inn {
namespace {

template <class S>
class Deep : public Engine {
public:
    Deep(const InnShape& shape, const InnCore& core)
        : shape_(shape), s_(shape), core_(shape, core), plain_(shape, core_, weights_), dual_(shape, core_, weights_) {
        weights_.zeros(s_);
    }

    void set_parameters(const InnParameters& flat) override { fill(flat, weights_.first); }

    void set_layer(const InnLayer& flat, const InnParameters& readout) override {
        fill(readout, weights_.second);
        each_radial(s_, flat, weights_.radial, take);
        for (int z = 0; z < s_.n.species; z++) {
            weights_.layer[z].zeros(s_);
            each_parameter(s_, flat, weights_.layer[z], z, take);
            weights_.layer[z].make_panels();
        }
    }

    void forward(const InnSystem& system, double* energies, double* forces, int threads) override {
        const auto fill = [&](int64_t i, double cutoff, Pairs<S, 2>& pairs) {
            gather(system, Tangent{}, i, cutoff, s_.n.nodes, pairs);
        };
        plain_.forward(system.species, system.atoms, fill, energies, forces, threads);
    }

    // d(loss) = by_energy . d(energies) + by_force . d(forces), see Component::backward.
    void backward(const InnSystem& system, const double* by_energy, const double* by_force, const InnParameters& out,
                  const InnLayer* layer, const InnParameters* readout, int threads) override {
        std::vector<double> tangent(by_force, by_force + 3 * system.atoms);
        for (double& t : tangent) t = -t;
        const auto fill = [&](int64_t i, double cutoff, Pairs<Dual<S>, 2>& pairs) {
            gather(system, Tangent{tangent.data()}, i, cutoff, s_.n.nodes, pairs);
        };
        dual_.backward(system.species, system.atoms, fill, by_energy, threads);
        for (int t = 0; t < threads; t++) {
            const auto give = [t](S& own, S& given) { given = t ? given + own : own; };
            DeepWeights<S>& gradients = dual_.gradients(t);
            each_radial(s_, *layer, gradients.radial, give);
            for (int z = 0; z < s_.n.species; z++) {
                each_parameter(s_.n, out, gradients.first[z], z, give);
                each_parameter(s_.n, *readout, gradients.second[z], z, give);
                each_parameter(s_, *layer, gradients.layer[z], z, give);
            }
        }
    }

    double cutoff() const override { return shape_.cutoff; }

    double evaluate(double* forces, int threads) override {
        const auto fill = [&](int64_t i, double cutoff, Pairs<S, 2>& pairs) { list.gather(i, cutoff, s_.n.nodes, pairs); };
        sorted_.resize(3 * list.atoms());
        energies_.resize(list.atoms());
        plain_.forward(list.species(), list.atoms(), fill, energies_.data(), sorted_.data(), threads);
        list.scatter(sorted_.data(), forces);
        double total = 0;
        for (const double e : energies_) total += e;
        return total;
    }

private:
    static void take(S& own, S& given) { own = given; }

    void fill(const InnParameters& flat, std::vector<Weights<S>>& weights) {
        for (int z = 0; z < s_.n.species; z++) {
            weights[z].zeros(s_.n);
            each_parameter(s_.n, flat, weights[z], z, take);
            make_panels(s_.n, weights[z]);
        }
    }

    InnShape shape_;
    LayerSizes<S> s_;
    Core<S> core_;
    DeepWeights<S> weights_;
    Sweep<S> plain_;
    Sweep<Dual<S>> dual_;
    std::vector<double> sorted_, energies_;
};

}  // namespace

Engine* make_deep(int dtype, const InnShape& shape, const InnCore& core) {
    if (shape.l_max != 2) return nullptr;
    if (dtype == 4) return new Deep<float>(shape, core);
    return new Deep<double>(shape, core);
}

}  // namespace inn
