// An equivariant component as an engine: energies and forces, and the gradients that training needs;
// see potential/equivariant.py.
#include "engine.h"
#include "tensor_sweep.h"

namespace inn {
namespace {

template <class S>
class Tensors : public Engine {
public:
    Tensors(const InnShape& shape, const InnCore& core)
        : shape_(shape), s_(shape), core_(shape, core), weights_(s_), plain_(shape, core_, weights_, couplings_, deeper_couplings_, outer_),
          dual_(shape, core_, weights_, couplings_, deeper_couplings_, outer_) {
        weights_.zeros(s_);
    }

    void set_tensors(const InnParameters& first, const InnTensors& flat, const InnParameters& second) override {
        each_parameter(s_, first, flat, second, weights_, [](S& own, S& given) { own = given; });
        weights_.make_panels(s_);
        if (coupled_) return;  // couplings are constants
        coupled_ = true;
        const GauntTable high{flat.couplings[0], flat.entries[0]}, low{flat.couplings[1], flat.entries[1]};
        couplings_.set(weights_.products, high, low), deeper_couplings_.set(weights_.deeper, high, low), outer_.set(low);
    }

    void forward(const InnSystem& system, double* energies, double* forces, int threads) override {
        const auto find = [&](int64_t i, Pairs<S, 3>& pairs) { gather(system, Tangent{}, i, shape_.cutoff, s_.n.nodes, pairs); };
        plain_.forward(system.species, system.atoms, find, energies, forces, threads);
    }

    // d(loss) = by_energy . d(energies) + by_force . d(forces), see Component::backward.
    void backward_tensors(const InnSystem& system, const double* by_energy, const double* by_force, const InnParameters& first,
                          const InnTensors& out, const InnParameters& second, int threads) override {
        std::vector<double> tangent(by_force, by_force + 3 * system.atoms);
        for (double& t : tangent) t = -t;
        const auto find = [&](int64_t i, Pairs<Dual<S>, 3>& pairs) {
            gather(system, Tangent{tangent.data()}, i, shape_.cutoff, s_.n.nodes, pairs);
        };
        dual_.backward(system.species, system.atoms, find, by_energy, threads);
        for (int t = 0; t < threads; t++)
            each_parameter(s_, first, out, second, dual_.gradients(t), [t](S& own, S& given) { given = t ? given + own : own; });
    }

    double cutoff() const override { return shape_.cutoff; }

    double evaluate(double* forces, int threads) override {
        const auto find = [&](int64_t i, Pairs<S, 3>& pairs) { list.gather(i, shape_.cutoff, s_.n.nodes, pairs); };
        sorted_.resize(3 * list.atoms());
        energies_.resize(list.atoms());
        plain_.forward(list.species(), list.atoms(), find, energies_.data(), sorted_.data(), threads);
        list.scatter(sorted_.data(), forces);
        double total = 0;
        for (const double e : energies_) total += e;
        return total;
    }

private:
    InnShape shape_;
    TensorSizes<S> s_;
    Core<S> core_;
    TensorWeights<S> weights_;
    Couplings<S> couplings_, deeper_couplings_;
    OuterGaunt<S> outer_;
    bool coupled_ = false;
    TensorSweep<S> plain_;
    TensorSweep<Dual<S>> dual_;
    std::vector<double> sorted_, energies_;
};

}  // namespace

Engine* make_tensors(int dtype, const InnShape& shape, const InnCore& core) {
    if (dtype == 4) return new Tensors<float>(shape, core);
    return new Tensors<double>(shape, core);
}

}  // namespace inn
