// The nodal density as an operator: forward, backward, and backward of the backward.
#include <vector>

#include "gather.h"
#include "pool.h"

namespace inn {
namespace {

// Learned features of the atoms, and for dual numbers their direction.
template <class T>
struct Features {
    const Scalar<T>*values, *tangent;
    int count;

    T operator()(int64_t atom, int f) const {
        const int64_t k = atom * count + f;
        if constexpr (Traits<T>::dual) return {values[k], tangent ? tangent[k] : Scalar<T>(0)};
        else return values[k];
    }
};

template <class S>
S part(S x) { return x; }
template <class S>
S part(const Dual<S>& x) { return x.d; }

template <class T, int LMAX>
class Density {
public:
    using S = Scalar<T>;
    using P = Pairs<T, LMAX>;

    Density(const InnGrid& grid, const InnSystem& system, const Tangent& tangent, Features<T> features)
        : grid_(grid.cutoff, grid.warp, static_cast<int>(grid.nodes)), cutoff_(grid.cutoff), system_(system),
          tangent_(tangent), features_(features),
          rows_(static_cast<int>(grid.species * grid.nodes * grid.features)) {}

    // Write the density (of dual numbers: its derivative) to out, real (lm, atoms, rows).
    void forward(S* out, int threads) const {
        run(threads, [&](int, P& pairs, int64_t first, int64_t end) {
            Buffer<Row<T>> sum;
            for (int64_t i = first; i < end; i++) {
                load(pairs, i);
                sum.zeros(static_cast<size_t>(rows_) * P::ROWS);
                add(pairs, sum.data());
                for (int m = 0; m < P::LM; m++)
                    for (int r = 0; r < rows_; r++)
                        out[(m * system_.atoms + i) * rows_ + r] =
                            part(Element<T>::get(sum.data() + static_cast<size_t>(r) * P::ROWS, m));
            }
        });
    }

    // Write gradients (of dual numbers: their derivatives) for a gradient `by_density`.
    void backward(const S* by_density, const InnGradients& out, int threads) const {
        const int64_t n = system_.atoms, width = 3 + features_.count;
        std::vector<std::vector<double>> partial(threads);
        run(threads, [&](int thread, P& pairs, int64_t first, int64_t end) {
            std::vector<double>& own = partial[thread];
            own.assign(n * width, 0.0);
            Buffer<Lanes<S>> gradient;
            gradient.zeros(static_cast<size_t>(rows_) * P::ROWS);
            std::vector<T> by_feature(features_.count);
            for (int64_t i = first; i < end; i++) {
                load(pairs, i);
                for (int m = 0; m < P::LM; m++)
                    for (int r = 0; r < rows_; r++)
                        Element<S>::set(gradient.data() + static_cast<size_t>(r) * P::ROWS, m,
                                        by_density[(m * n + i) * rows_ + r]);
                for (int64_t p = system_.starts[i]; p < system_.starts[i + 1]; p++)
                    for (int a = 0; a < 3; a++) out.offsets[3 * p + a] = 0.0;
                for (int p = 0; p < pairs.count; p++) {
                    pull(pairs, p, gradient.data(), by_feature.data());
                    double* there = own.data() + pairs.other[p] * width + 3;
                    for (int f = 0; f < features_.count; f++) there[f] += part(by_feature[f]);
                }
                pairs.to_gradients();
                for (int p = 0; p < pairs.count; p++) {
                    const S g[3] = {part(pairs.x[p]), part(pairs.y[p]), part(pairs.z[p])};
                    for (int a = 0; a < 3; a++) {
                        out.offsets[3 * pairs.slot[p] + a] = g[a];
                        own[pairs.other[p] * width + a] += g[a];
                        own[i * width + a] -= g[a];
                    }
                }
            }
        });
        S* features = static_cast<S*>(out.features);
        for (int64_t i = 0; i < n; i++)
            for (int64_t a = 0; a < width; a++) {
                double total = 0;
                for (const auto& own : partial)
                    if (!own.empty()) total += own[i * width + a];
                if (a < 3) out.positions[3 * i + a] = total;
                else features[i * features_.count + a - 3] = static_cast<S>(total);
            }
    }

private:
    // Each thread has a fixed share of the atoms, so results don't depend on who is faster.
    template <class F>
    void run(int threads, const F& f) const {
        Pool::run(threads, [&](int t) {
            P pairs;
            f(t, pairs, system_.atoms * t / threads, system_.atoms * (t + 1) / threads);
        });
    }

    void load(P& pairs, int64_t i) const {
        gather(system_, tangent_, i, cutoff_, grid_.nodes, pairs);
        pairs.compute(grid_);
    }

    void add(const P& pairs, Row<T>* sum) const {
        const int count = features_.count;
        for (int p = 0; p < pairs.count; p++)
            for (int f = 0; f < count; f++) {
                const T h = features_(pairs.other[p], f);
                for (int a = 0; a < 4; a++) {
                    Row<T>* d = sum + (static_cast<size_t>(pairs.node[p] + a) * count + f) * P::ROWS;
                    const auto w = P::spread(pairs.weight[a * pairs.stride() + p] * h);
                    for (int b = 0; b < P::ROWS; b++) d[b] += pairs.harmonic[p * P::ROWS + b] * w;
                }
            }
    }

    // Gradients of <gradient, density> by the harmonics, r^2 and features of one pair.
    void pull(P& pairs, int p, const Lanes<S>* gradient, T* by_feature) const {
        const int count = features_.count, stride = pairs.stride();
        const Row<T>* h = pairs.harmonic + p * P::ROWS;
        Row<T> by_harmonic[P::ROWS] = {}, by_slope{};
        for (int f = 0; f < count; f++) {
            const T feature = features_(pairs.other[p], f);
            Row<T> by_f{};
            for (int a = 0; a < 4; a++) {
                const Lanes<S>* d = gradient + (static_cast<size_t>(pairs.node[p] + a) * count + f) * P::ROWS;
                const T weight = pairs.weight[a * stride + p], slope = pairs.slope[a * stride + p];
                const auto w = P::spread(weight), wh = P::spread(weight * feature), sh = P::spread(slope * feature);
                for (int b = 0; b < P::ROWS; b++) {
                    by_harmonic[b] += wh * d[b];
                    by_slope += h[b] * sh * d[b];
                    by_f += h[b] * w * d[b];
                }
            }
            by_feature[f] = sum_of_lanes_as<T>(by_f);
        }
        for (int b = 0; b < P::ROWS; b++) pairs.by_harmonic[p * P::ROWS + b] = by_harmonic[b];
        pairs.by_square[p] = sum_of_lanes_as<T>(by_slope);
    }

    RadialGrid<S> grid_;
    double cutoff_;
    InnSystem system_;
    Tangent tangent_;
    Features<T> features_;
    int rows_;
};

// Call f(std::integral_constant<int, l_max>) for a run-time l_max.
template <class F>
int with_l_max(int64_t l_max, const F& f) {
    try {
        switch (l_max) {
            case 0: f(std::integral_constant<int, 0>()); return 0;
            case 1: f(std::integral_constant<int, 1>()); return 0;
            case 2: f(std::integral_constant<int, 2>()); return 0;
            default: return -2;
        }
    } catch (const std::bad_alloc&) {
        return -1;
    }
}

template <class S>
int density_forward(const InnGrid& grid, const InnSystem& system, const void* features, void* out, int threads) {
    return with_l_max(grid.l_max, [&](auto l) {
        const Features<S> f{static_cast<const S*>(features), nullptr, static_cast<int>(grid.features)};
        Density<S, l()>(grid, system, {}, f).forward(static_cast<S*>(out), threads);
    });
}

template <class S>
int density_backward(const InnGrid& grid, const InnSystem& system, const void* features, const void* gradient,
                     const InnGradients& out, int threads) {
    return with_l_max(grid.l_max, [&](auto l) {
        const Features<S> f{static_cast<const S*>(features), nullptr, static_cast<int>(grid.features)};
        Density<S, l()>(grid, system, {}, f).backward(static_cast<const S*>(gradient), out, threads);
    });
}

template <class S>
int density_double_backward(const InnGrid& grid, const InnSystem& system, const void* features,
                            const void* gradient, const InnGradients& direction, const InnGradients& out,
                            int threads) {
    return with_l_max(grid.l_max, [&](auto l) {
        const Features<Dual<S>> f{static_cast<const S*>(features), static_cast<const S*>(direction.features),
                                  static_cast<int>(grid.features)};
        const Tangent tangent{direction.positions, direction.offsets};
        const Density<Dual<S>, l()> density(grid, system, tangent, f);
        density.forward(static_cast<S*>(out.density), threads);
        density.backward(static_cast<const S*>(gradient), out, threads);
    });
}

}  // namespace
}  // namespace inn

INN_API int inn_density_forward(int dtype, const InnGrid* grid, const InnSystem* system, const void* features,
                                void* out, int threads) {
    const auto call = dtype == 4 ? inn::density_forward<float> : inn::density_forward<double>;
    return call(*grid, *system, features, out, threads);
}

INN_API int inn_density_backward(int dtype, const InnGrid* grid, const InnSystem* system, const void* features,
                                 const void* gradient, const InnGradients* out, int threads) {
    const auto call = dtype == 4 ? inn::density_backward<float> : inn::density_backward<double>;
    return call(*grid, *system, features, gradient, *out, threads);
}

INN_API int inn_density_double_backward(int dtype, const InnGrid* grid, const InnSystem* system,
                                        const void* features, const void* gradient,
                                        const InnGradients* direction, const InnGradients* out, int threads) {
    const auto call = dtype == 4 ? inn::density_double_backward<float> : inn::density_double_backward<double>;
    return call(*grid, *system, features, gradient, *direction, *out, threads);
}
