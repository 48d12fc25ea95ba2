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
template <class T>
class Coupling {
public:
    using S = Scalar<T>;
    using R = Row<T>;
    using P = Pairs<T, 2>;

    Coupling(const Lanes<S>* radial, const R* messages, int rows) : radial_(radial), messages_(messages), rows_(rows) {}

    void forward(const P& pairs, R* coupled) const {
        for (int c = 0; c < rows_; c++) {
            R sum[COUPLED] = {};
            for (int p = 0; p < pairs.count; p++) {
                R r[PATHS], h;
                T y[P::LM];
                Triple<R> v;
                functions(pairs.weight, pairs, p, c, r);
                load(pairs, p, c, y, h, v);
                const Triple<T> direction{y[1], y[2], y[3]};
                const R h1 = r[1] * h, h2 = r[2] * h;
                sum[0] += r[0] * h;
                for (int m = 0; m < 3; m++) sum[place(1, m, 0)] += h1 * y[1 + m];
                for (int m = 0; m < 5; m++) sum[place(2, m, 0)] += h2 * y[4 + m];
                add(sum, 1, r[3], v);
                sum[place(0, 0, 1)] += r[4] * dot(direction, v);
                each_component<S>(direction, Triple<R>{r[5] * v.x, r[5] * v.y, r[5] * v.z},
                                  [&](int m, const R& x) { sum[place(2, m, 1)] += x; });
                add(sum, 2, r[6], Quadrupole<S, T>(y + 4) * v);
            }
            for (int k = 0; k < COUPLED; k++) coupled[k * rows_ + c] = sum[k];
        }
    }

    // From the gradient by `coupled`: adds that by the messages, sets those by harmonics and r^2 of the
    // pairs. For dual numbers adds the derivative of that by the radial functions.
    void backward(P& pairs, const R* by_coupled, R* by_messages, Lanes<S>* by_radial) const {
        for (int c = 0; c < rows_; c++) {
            R b[COUPLED];
            for (int k = 0; k < COUPLED; k++) b[k] = by_coupled[k * rows_ + c];
            R five[5];
            for (int m = 0; m < 5; m++) five[m] = b[place(2, m, 1)];
            const Quadrupole<S, R> matrix(five);
            const Triple<R> straight = triple(b, 1), turned = triple(b, 2);
            for (int p = 0; p < pairs.count; p++) {
                R r[PATHS], slope[PATHS], h;
                T y[P::LM];
                Triple<R> v;
                functions(pairs.weight, pairs, p, c, r);
                functions(pairs.slope, pairs, p, c, slope);
                load(pairs, p, c, y, h, v);
                const Triple<T> u{y[1], y[2], y[3]};

                R s1 = b[place(1, 0, 0)] * y[1], s2 = b[place(2, 0, 0)] * y[4];
                for (int m = 1; m < 3; m++) s1 += b[place(1, m, 0)] * y[1 + m];
                for (int m = 1; m < 5; m++) s2 += b[place(2, m, 0)] * y[4 + m];
                const R b4 = b[place(0, 0, 1)], r4 = r[4] * b4;
                const Triple<R> with_v = matrix * v, with_u = matrix * u, bent = Quadrupole<S, T>(y + 4) * turned;
                R* by = by_messages + place_of(pairs, p, c);
                by[0] += r[0] * b[0] + r[1] * s1 + r[2] * s2;
                by[rows_] += r[3] * straight.x + r4 * u.x + r[5] * with_u.x + r[6] * bent.x;
                by[2 * rows_] += r[3] * straight.y + r4 * u.y + r[5] * with_u.y + r[6] * bent.y;
                by[3 * rows_] += r[3] * straight.z + r4 * u.z + r[5] * with_u.z + r[6] * bent.z;

                const R by_function[PATHS] = {b[0] * h, s1 * h, s2 * h, dot(straight, v), b4 * dot(u, v), dot(with_v, u), dot(bent, v)};
                R along = slope[0] * by_function[0];
                for (int k = 1; k < PATHS; k++) along += slope[k] * by_function[k];
                sum_up(pairs.by_square[p], along, c);
                if constexpr (Traits<T>::dual) add_radial(pairs, p, c, by_function, by_radial);

                const R h1 = r[1] * h, h2 = r[2] * h;
                Row<T>* harmonic = pairs.by_harmonic + static_cast<size_t>(p) * P::ROWS;
                const auto set = [&](int m, const R& x) {
                    T found = Element<T>::get(harmonic, m);
                    sum_up(found, x, c);
                    Element<T>::set(harmonic, m, found);
                };
                set(1, h1 * b[place(1, 0, 0)] + r4 * v.x + r[5] * with_v.x);
                set(2, h1 * b[place(1, 1, 0)] + r4 * v.y + r[5] * with_v.y);
                set(3, h1 * b[place(1, 2, 0)] + r4 * v.z + r[5] * with_v.z);
                each_component<S>(turned, Triple<R>{r[6] * v.x, r[6] * v.y, r[6] * v.z},
                                  [&](int m, const R& x) { set(4 + m, h2 * b[place(2, m, 0)] + x); });
            }
        }
    }

private:
    // Place of component m of a degree, from one of the paths to it.
    static constexpr int place(int degree, int m, int path) { return BEGIN_OF[degree] + m * PATHS_TO[degree] + path; }

    static Triple<R> triple(const R* b, int path) {
        return {b[place(1, 0, path)], b[place(1, 1, path)], b[place(1, 2, path)]};
    }
    static void add(R* sum, int path, const R& factor, const Triple<R>& v) {
        sum[place(1, 0, path)] += factor * v.x, sum[place(1, 1, path)] += factor * v.y, sum[place(1, 2, path)] += factor * v.z;
    }
    // The first row of messages begins a sum over them.
    static void sum_up(T& total, const R& row, int c) {
        const T sum = sum_of_lanes_as<T>(row);
        total = c ? total + sum : sum;
    }

    size_t place_of(const P& pairs, int p, int c) const { return static_cast<size_t>(pairs.other[p]) * MESSAGE * rows_ + c; }

    // Harmonics of pair p, and its message.
    void load(const P& pairs, int p, int c, T* y, R& h, Triple<R>& v) const {
        for (int m = 0; m < P::LM; m++) y[m] = Element<T>::get(pairs.harmonic + static_cast<size_t>(p) * P::ROWS, m);
        const R* message = messages_ + place_of(pairs, p, c);
        h = message[0];
        v = {message[rows_], message[2 * rows_], message[3 * rows_]};
    }

    // The radial functions of pair p, or (from the slopes of the weights) their derivatives by r^2.
    void functions(const T* weights, const P& pairs, int p, int c, R* out) const {
        const Lanes<S>* node = radial_ + static_cast<size_t>(pairs.node[p]) * PATHS * rows_ + c;
        const int stride = pairs.stride();
        for (int k = 0; k < PATHS; k++) out[k] = times<T>(node[k * rows_], weights[p]);
        for (int a = 1; a < 4; a++) {
            const Lanes<S>* next = node + static_cast<size_t>(a) * PATHS * rows_;
            for (int k = 0; k < PATHS; k++) out[k] += times<T>(next[k * rows_], weights[a * stride + p]);
        }
    }
    void add_radial(const P& pairs, int p, int c, const R* by_function, Lanes<S>* by_radial) const {
        const int stride = pairs.stride();
        for (int a = 0; a < 4; a++) {
            const T w = pairs.weight[a * stride + p];
            Lanes<S>* out = by_radial + (static_cast<size_t>(pairs.node[p]) + a) * PATHS * rows_ + c;
            for (int k = 0; k < PATHS; k++) out[k * rows_] += by_function[k].d * w.v + by_function[k].v * w.d;
        }
    }

    const Lanes<S>* radial_;
    const R* messages_;
    int rows_;
};

}  // namespace inn
