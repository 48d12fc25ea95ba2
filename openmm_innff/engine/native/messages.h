// What the pairs of an atom bring of their neighbours' messages, and back; see nn/messages.py.
#pragma once

#include "basis.h"

namespace inn {

constexpr int PATHS = 7, MESSAGE = 4;  // a message: a scalar and a vector
// Paths to each degree, and where its blocks (2 l + 1, paths) begin among all.
constexpr int PATHS_TO[3] = {2, 3, 2}, BEGIN_OF[3] = {0, 2, 11}, COUPLED = 21;

template <class V>
struct Triple {
    V x, y, z;
};
template <class V, class U>
inline auto dot(const Triple<V>& a, const Triple<U>& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

// Symmetric traceless matrix of l = 2 components, as in nn/invariants.py.
template <class S, class V>
struct Quadrupole {
    V xx, xy, xz, yy, yz, zz;

    explicit Quadrupole(const V* t) {
        const S h = S(0.7071067811865476), s = S(0.4082482904638631);
        const V axial = t[4] * s, difference = t[3] * h;
        xy = t[0] * h, yz = t[1] * h, xz = t[2] * h;
        xx = difference - axial, yy = -(difference + axial), zz = axial + axial;
    }
    template <class U>
    auto operator*(const Triple<U>& v) const {
        using W = decltype(xx * v.x);
        return Triple<W>{xx * v.x + xy * v.y + xz * v.z, xy * v.x + yy * v.y + yz * v.z, xz * v.x + yz * v.y + zz * v.z};
    }
};

// Call add(m, x) with each l = 2 component x of the matrix a b^T: the transpose of the above.
template <class S, class V, class U, class F>
inline void each_component(const Triple<V>& a, const Triple<U>& b, const F& add) {
    const S h = S(0.7071067811865476), s = S(0.4082482904638631);
    const auto x = a.x * b.x, y = a.y * b.y, z = a.z * b.z;
    add(0, (a.x * b.y + a.y * b.x) * h), add(1, (a.y * b.z + a.z * b.y) * h), add(2, (a.x * b.z + a.z * b.x) * h);
    add(3, (x - y) * h), add(4, (z + z - x - y) * s);
}

// One row of lanes of the messages of all atoms, coupled with the pairs of one. Arrays of rows:
// radial (species * nodes, path, row), messages (atom, 1 + 3, row), coupled (COUPLED, row).
template <class S>
class Coupling {
public:
    using R = Lanes<S>;
    using P = Pairs<S, 2>;

    Coupling(const R* radial, const R* messages, int rows) : radial_(radial), messages_(messages), rows_(rows) {}

    void forward(const P& pairs, R* coupled) const {
        for (int c = 0; c < rows_; c++) {
            R sum[COUPLED] = {};
            for (int p = 0; p < pairs.count; p++) {
                R r[PATHS];
                functions(pairs.weight, pairs, p, c, r);
                const R* message = messages_ + static_cast<size_t>(pairs.other[p]) * MESSAGE * rows_ + c;
                const R h = message[0];
                const Triple<R> v{message[rows_], message[2 * rows_], message[3 * rows_]};
                const S* y = harmonics(pairs, p);
                const Triple<S> direction{y[1], y[2], y[3]};
                const R h1 = r[1] * h, h2 = r[2] * h;
                sum[0] += r[0] * h;
                for (int m = 0; m < 3; m++) sum[place(1, m, 0)] += h1 * y[1 + m];
                for (int m = 0; m < 5; m++) sum[place(2, m, 0)] += h2 * y[4 + m];
                add(sum, place(1, 0, 1), 3, r[3], v);
                sum[place(0, 0, 1)] += r[4] * dot(direction, v);
                each_component<S>(direction, Triple<R>{r[5] * v.x, r[5] * v.y, r[5] * v.z},
                                  [&](int m, const R& x) { sum[place(2, m, 1)] += x; });
                add(sum, place(1, 0, 2), 3, r[6], Quadrupole<S, S>(y + 4) * v);
            }
            for (int k = 0; k < COUPLED; k++) coupled[k * rows_ + c] = sum[k];
        }
    }

    // From the gradient by `coupled`: adds that by the messages, sets those by harmonics and r^2 of the pairs.
    void backward(P& pairs, const R* by_coupled, R* by_messages) const {
        for (int c = 0; c < rows_; c++) {
            R b[COUPLED];
            for (int k = 0; k < COUPLED; k++) b[k] = by_coupled[k * rows_ + c];
            const Quadrupole<S, R> third(quadrupole(b, 1));
            const Triple<R> second = triple(b, 1), turned = triple(b, 2);
            for (int p = 0; p < pairs.count; p++) {
                R r[PATHS], slope[PATHS];
                functions(pairs.weight, pairs, p, c, r);
                functions(pairs.slope, pairs, p, c, slope);
                const size_t first = static_cast<size_t>(pairs.other[p]) * MESSAGE * rows_ + c;
                const R* message = messages_ + first;
                const R h = message[0];
                const Triple<R> v{message[rows_], message[2 * rows_], message[3 * rows_]};
                const S* y = harmonics(pairs, p);
                const Triple<S> u{y[1], y[2], y[3]};
                const Quadrupole<S, S> matrix(y + 4);

                const R s1 = y[1] * b[place(1, 0, 0)] + y[2] * b[place(1, 1, 0)] + y[3] * b[place(1, 2, 0)];
                R s2 = y[4] * b[place(2, 0, 0)];
                for (int m = 1; m < 5; m++) s2 += y[4 + m] * b[place(2, m, 0)];
                const R uv = dot(u, v), b4 = b[place(0, 0, 1)];
                const Triple<R> with_v = third * v, with_u = third * u, bent = matrix * turned;
                R* by = by_messages + first;
                by[0] += r[0] * b[0] + r[1] * s1 + r[2] * s2;
                const R r4b = r[4] * b4;
                by[rows_] += r[3] * second.x + r4b * u.x + r[5] * with_u.x + r[6] * bent.x;
                by[2 * rows_] += r[3] * second.y + r4b * u.y + r[5] * with_u.y + r[6] * bent.y;
                by[3 * rows_] += r[3] * second.z + r4b * u.z + r[5] * with_u.z + r[6] * bent.z;

                const R along = (slope[0] * b[0] + slope[1] * s1 + slope[2] * s2) * h + slope[3] * dot(second, v) +
                                slope[4] * (b4 * uv) + slope[5] * dot(u, with_v) + slope[6] * dot(bent, v);
                const R h1 = r[1] * h, h2 = r[2] * h;
                S* out = reinterpret_cast<S*>(pairs.by_harmonic + static_cast<size_t>(p) * P::ROWS);
                const auto set = [&](int m, const R& x) { out[m] = (c ? out[m] : S(0)) + sum_of_lanes<S>(x); };
                set(1, h1 * b[place(1, 0, 0)] + r4b * v.x + r[5] * with_v.x);
                set(2, h1 * b[place(1, 1, 0)] + r4b * v.y + r[5] * with_v.y);
                set(3, h1 * b[place(1, 2, 0)] + r4b * v.z + r[5] * with_v.z);
                each_component<S>(turned, Triple<R>{r[6] * v.x, r[6] * v.y, r[6] * v.z},
                                  [&](int m, const R& x) { set(4 + m, h2 * b[place(2, m, 0)] + x); });
                pairs.by_square[p] = (c ? pairs.by_square[p] : S(0)) + sum_of_lanes<S>(along);
            }
        }
    }

    // Place of component m of a degree, from one of the paths to it.
    static constexpr int place(int degree, int m, int path) { return BEGIN_OF[degree] + m * PATHS_TO[degree] + path; }

private:
    static const S* harmonics(const P& pairs, int p) {
        return reinterpret_cast<const S*>(pairs.harmonic + static_cast<size_t>(p) * P::ROWS);
    }
    static Triple<R> triple(const R* b, int path) {
        return {b[place(1, 0, path)], b[place(1, 1, path)], b[place(1, 2, path)]};
    }
    struct Five {
        R values[5];
        operator const R*() const { return values; }
    };
    static Five quadrupole(const R* b, int path) {
        Five out;
        for (int m = 0; m < 5; m++) out.values[m] = b[place(2, m, path)];
        return out;
    }
    static void add(R* sum, int first, int step, const R& factor, const Triple<R>& v) {
        sum[first] += factor * v.x, sum[first + step] += factor * v.y, sum[first + 2 * step] += factor * v.z;
    }

    // The radial functions of pair p, or (from the slopes of the weights) their derivatives by r^2.
    void functions(const S* weights, const P& pairs, int p, int c, R* out) const {
        const R* node = radial_ + static_cast<size_t>(pairs.node[p]) * PATHS * rows_ + c;
        const int stride = pairs.stride();
        for (int k = 0; k < PATHS; k++) out[k] = node[k * rows_] * weights[p];
        for (int a = 1; a < 4; a++) {
            const R* next = node + static_cast<size_t>(a) * PATHS * rows_;
            for (int k = 0; k < PATHS; k++) out[k] += next[k * rows_] * weights[a * stride + p];
        }
    }

    const R *radial_, *messages_;
    int rows_;
};

}  // namespace inn
