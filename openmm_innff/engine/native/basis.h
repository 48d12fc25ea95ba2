// What one atom's neighbours contribute to its nodal density, and the gradient of that.
#pragma once

#include "buffer.h"
#include "scalar.h"

namespace inn {

constexpr double TINY = 1e-12;  // square angstrom: keeps the direction of coincident atoms finite

// Cubic B-splines on a grid uniform in ln(1 + r^2 / warp^2), times (1 - r^2 / cutoff^2)^3.
template <class S>
struct RadialGrid {
    S inverse_warp2, inverse_cutoff2, density;
    int nodes;

    RadialGrid(double cutoff, double warp, int nodes)
        : inverse_warp2(S(1 / (warp * warp))), inverse_cutoff2(S(1 / (cutoff * cutoff))),
          density(S((nodes - 3) / std::log1p(cutoff * cutoff / (warp * warp)))), nodes(nodes) {}
};

// Weights w of the four nodes that act at t in [0, 1] of an interval, and their derivatives d.
// Named members rather than arrays: only so do compilers turn loops over points into vector code.
template <class T>
struct Spline {
    T w0, w1, w2, w3, d0, d1, d2, d3;
};
template <class T>
__attribute__((always_inline)) inline Spline<T> bspline(T t) {
    using S = Scalar<T>;
    Spline<T> b;
    const T s = S(1) - t, t2 = t * t;
    b.w0 = s * s * s * S(1.0 / 6);
    b.w1 = (S(0.5) * t - S(1)) * t2 + S(2.0 / 3);
    b.w3 = t2 * t * S(1.0 / 6);
    b.w2 = S(1) - (b.w0 + b.w1 + b.w3);
    b.d0 = s * s * S(-0.5);
    b.d1 = (S(1.5) * t - S(2)) * t;
    b.d3 = t2 * S(0.5);
    b.d2 = -(b.d0 + b.d1 + b.d3);
    return b;
}

template <class T>
struct Vector {
    T x, y, z;
};

// Real harmonics of unit vectors as in nn/harmonics.py, and from a gradient g(m) by them that by
// the components of u (as if these were independent).
template <class T, int LMAX>
inline void harmonics(const Vector<T>& u, T* h) {
    using S = Scalar<T>;
    h[0] = Traits<T>::constant(S(1));
    if constexpr (LMAX >= 1) h[1] = u.x, h[2] = u.y, h[3] = u.z;
    if constexpr (LMAX >= 2) {
        const S root3 = S(1.7320508075688772);
        h[4] = root3 * (u.x * u.y), h[5] = root3 * (u.y * u.z), h[6] = root3 * (u.x * u.z);
        h[7] = (S(0.5) * root3) * (u.x * u.x - u.y * u.y);
        h[8] = S(1.5) * (u.z * u.z) - S(0.5);
    }
    if constexpr (LMAX >= 3) {
        const S outer = S(0.7905694150420949), middle = S(3.872983346207417), inner = S(0.6123724356957945);
        const T xx = u.x * u.x, yy = u.y * u.y, zz = u.z * u.z, axial = S(5) * zz - S(1), round = xx - yy;
        h[9] = outer * (u.y * (S(3) * xx - yy)), h[10] = middle * (u.x * (u.y * u.z)), h[11] = inner * (u.y * axial);
        h[12] = S(0.5) * (u.z * (axial - S(2))), h[13] = inner * (u.x * axial);
        h[14] = (S(0.5) * middle) * (u.z * round), h[15] = outer * (u.x * (xx - S(3) * yy));
    }
}
template <class T, int LMAX, class G>
inline Vector<T> harmonics_gradient(const Vector<T>& u, const G& g) {
    using S = Scalar<T>;
    Vector<T> out{Traits<T>::constant(S(0)), Traits<T>::constant(S(0)), Traits<T>::constant(S(0))};
    if constexpr (LMAX >= 1) out = {g(1), g(2), g(3)};
    if constexpr (LMAX >= 2) {
        const S root3 = S(1.7320508075688772);
        out.x += root3 * (u.y * g(4) + u.z * g(6) + u.x * g(7));
        out.y += root3 * (u.x * g(4) + u.z * g(5) - u.y * g(7));
        out.z += root3 * (u.y * g(5) + u.x * g(6)) + S(3) * (u.z * g(8));
    }
    if constexpr (LMAX >= 3) {
        const S outer = S(2.3717082451262845), middle = S(3.872983346207417), inner = S(0.6123724356957945);
        const T axial = S(5) * (u.z * u.z) - S(1), round = u.x * u.x - u.y * u.y, twice = S(2) * (u.x * u.y);
        out.x += outer * (twice * g(9) + round * g(15)) + inner * (axial * g(13)) + middle * (u.z * (u.y * g(10) + u.x * g(14)));
        out.y += outer * (round * g(9) - twice * g(15)) + inner * (axial * g(11)) + middle * (u.z * (u.x * g(10) - u.y * g(14)));
        out.z += (S(10) * inner) * (u.z * (u.y * g(11) + u.x * g(13))) + S(1.5) * (axial * g(12)) +
                 (S(0.5) * middle) * (twice * g(10) + round * g(14));
    }
    return out;
}

// The pairs of one atom that lie within the cutoff.
template <class T, int LMAX>
class Pairs {
public:
    using S = Scalar<T>;
    static constexpr int LM = (LMAX + 1) * (LMAX + 1);
    static constexpr int ROWS = rounded_up(LM, WIDTH<S>) / WIDTH<S>;

    int count = 0;
    // Vectors, and what they become: 1/r, weights of four nodes, and their derivatives by r^2.
    T *x = nullptr, *y, *z, *inverse_r, *weight, *slope;
    int *node, *other;  // first of the four nodes; second atom
    int64_t* slot;      // place of the pair in the list, where it matters
    Row<T>*harmonic, *by_harmonic;  // rows of each pair, and the gradient by them
    T* by_square;                   // gradient by r^2 through the weights

    // Make room for n pairs and forget the present ones.
    void clear(int n) {
        count = 0;
        if (n <= capacity_) return;
        capacity_ = rounded_up(n + n / 4, 16);
        const size_t c = capacity_;
        T* numbers = numbers_.reserve(13 * c);
        x = numbers, y = x + c, z = y + c, inverse_r = z + c;
        weight = inverse_r + c, slope = weight + 4 * c, by_square = slope + 4 * c;
        node = node_.reserve(c), other = other_.reserve(c), slot = slot_.reserve(c);
        harmonic = harmonic_.zeros(c * ROWS), by_harmonic = by_harmonic_.zeros(c * ROWS);  // spare lanes stay zero
    }
    int stride() const { return capacity_; }

    // The number of pairs rounded up to full registers: an atom of a short cutoff has so few that most of
    // them would go through the scalar remainder of a vector loop. The spare places hold harmless numbers.
    int padded() const { return rounded_up(count, WIDTH<S>); }

    void compute(const RadialGrid<S>& grid) {
        const T far = Traits<T>::constant(S(1) / std::sqrt(grid.inverse_cutoff2));
        for (int p = count; p < padded(); p++) x[p] = y[p] = z[p] = far, node[p] = 0, by_square[p] = T{};
        radial(grid);
        for (int p = 0; p < count; p++) {
            const T i = inverse_r[p];
            T h[LM];
            inn::harmonics<T, LMAX>({x[p] * i, y[p] * i, z[p] * i}, h);
            for (int m = 0; m < LM; m++) Element<T>::set(harmonic + static_cast<size_t>(p) * ROWS, m, h[m]);
        }
    }

    // Whether any pair (its vector not yet a gradient) has r^2 below the limit of its node: one quick test
    // of all pairs, since hardly any atom has such a pair.
    bool any_within(const S* limits) const {
        const int n = padded();
        const T *const px = x, *const py = y, *const pz = z;
        const int* const first = node;
        int found = 0;
#pragma omp simd reduction(| : found)
        for (int p = 0; p < n; p++) {
            const S square = value(px[p] * px[p] + py[p] * py[p] + pz[p] * pz[p]);
            found |= square < limits[first[p]];
        }
        return found != 0;
    }

    // Add weights x harmonics of all pairs to the rows of a density.
    void accumulate(Row<T>* density) const {
        const int n = count, c = capacity_;
        for (int p = 0; p < n; p++) {
            const Row<T>* h = harmonic + static_cast<size_t>(p) * ROWS;
            Row<T>* d = density + static_cast<size_t>(node[p]) * ROWS;
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < ROWS; b++) d[a * ROWS + b] += h[b] * spread(weight[a * c + p]);
        }
    }

    // Gradients by harmonics and by r^2 from the gradient by the density; `more`: add to those there are.
    template <bool more = false>
    void pull(const Row<T>* by_density) {
        const int n = count, c = capacity_;
        for (int p = 0; p < n; p++) {
            const Row<T>* d = by_density + static_cast<size_t>(node[p]) * ROWS;
            const Row<T>* h = harmonic + static_cast<size_t>(p) * ROWS;
            Row<T>* by = by_harmonic + static_cast<size_t>(p) * ROWS;
            Row<T> along{};
            for (int b = 0; b < ROWS; b++) {
                const Row<T> d0 = d[b], d1 = d[ROWS + b], d2 = d[2 * ROWS + b], d3 = d[3 * ROWS + b];
                const Row<T> found = d0 * weight[p] + d1 * weight[c + p] + d2 * weight[2 * c + p] + d3 * weight[3 * c + p];
                by[b] = more ? by[b] + found : found;
                along += (d0 * slope[p] + d1 * slope[c + p] + d2 * slope[2 * c + p] + d3 * slope[3 * c + p]) * h[b];
            }
            const T found = sum_of_lanes_as<T>(along);
            by_square[p] = more ? by_square[p] + found : found;
        }
    }

    // Replace the vectors by the gradients with respect to them.
    void to_gradients() {
        const int n = padded();
        T *const px = x, *const py = y, *const pz = z;
        const T *const inverses = inverse_r, *const squares = by_square;
        const Row<T>* const rows = by_harmonic;
#pragma omp simd
        for (int p = 0; p < n; p++) {
            const T i = inverses[p], twice = squares[p] + squares[p];
            const Vector<T> u{px[p] * i, py[p] * i, pz[p] * i};
            const Vector<T> g = harmonics_gradient<T, LMAX>(
                u, [rows, p](int m) { return Element<T>::get(rows + static_cast<size_t>(p) * ROWS, m); });
            const T along = g.x * u.x + g.y * u.y + g.z * u.z;
            px[p] = twice * px[p] + (g.x - along * u.x) * i;
            py[p] = twice * py[p] + (g.y - along * u.y) * i;
            pz[p] = twice * pz[p] + (g.z - along * u.z) * i;
        }
    }

    static auto spread(T w) {
        if constexpr (Traits<T>::dual) return Dual<Lanes<S>>{Lanes<S>{} + w.v, Lanes<S>{} + w.d};
        else return w;
    }

private:
    void radial(const RadialGrid<S>& grid) {
        const RadialGrid<S> g = grid;
        const int n = padded(), c = capacity_;
        T *const i = inverse_r, *const w = weight, *const s = slope;
        const T *const px = x, *const py = y, *const pz = z;
        int* const first = node;
#pragma omp simd
        for (int p = 0; p < n; p++) {
            const T square = px[p] * px[p] + py[p] * py[p] + pz[p] * pz[p] + S(TINY);
            i[p] = inverse_root(square);
            const T warped = S(1) + square * g.inverse_warp2;
            const T at = logarithm(warped) * g.density;
            const T rate = inverse(warped) * (g.density * g.inverse_warp2);
            const int found = static_cast<int>(value(at));
            const int cell = found > g.nodes - 4 ? g.nodes - 4 : found;
            const Spline<T> b = bspline<T>(at - S(cell));
            const T q = positive(S(1) - square * g.inverse_cutoff2);
            const T envelope = q * q * q, decline = q * q * (S(-3) * g.inverse_cutoff2);
            const T steep = rate * envelope;
            w[p] = b.w0 * envelope;
            w[p + c] = b.w1 * envelope;
            w[p + 2 * c] = b.w2 * envelope;
            w[p + 3 * c] = b.w3 * envelope;
            s[p] = b.d0 * steep + b.w0 * decline;
            s[p + c] = b.d1 * steep + b.w1 * decline;
            s[p + 2 * c] = b.d2 * steep + b.w2 * decline;
            s[p + 3 * c] = b.d3 * steep + b.w3 * decline;
            first[p] += cell;
        }
    }

    int capacity_ = 0;
    Buffer<T> numbers_;
    Buffer<int> node_, other_;
    Buffer<int64_t> slot_;
    Buffer<Row<T>> harmonic_, by_harmonic_;
};

}  // namespace inn
