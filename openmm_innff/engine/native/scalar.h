// Numbers and rows of lanes: plain ones, and dual ones that carry a derivative along.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#ifndef INN_VECTOR_BYTES
#define INN_VECTOR_BYTES 16
#endif

namespace inn {

// As many numbers as one register of the target holds.
template <class S>
struct LanesOf {
    typedef S type __attribute__((vector_size(INN_VECTOR_BYTES)));
};
template <class S>
using Lanes = typename LanesOf<S>::type;

template <class S>
constexpr int WIDTH = INN_VECTOR_BYTES / static_cast<int>(sizeof(S));

// v + e d with e^2 = 0: code that computes a gradient, run on dual numbers, also gives the
// derivative of that gradient along a direction (forward-over-reverse differentiation).
template <class V>
struct Dual {
    V v, d;
    Dual& operator+=(const Dual& o) { v += o.v, d += o.d; return *this; }
};

template <class V> struct IsDual : std::false_type {};
template <class V> struct IsDual<Dual<V>> : std::true_type {};

template <class V> Dual<V> operator+(const Dual<V>& a, const Dual<V>& b) { return {a.v + b.v, a.d + b.d}; }
template <class V> Dual<V> operator-(const Dual<V>& a, const Dual<V>& b) { return {a.v - b.v, a.d - b.d}; }
template <class V> Dual<V> operator-(const Dual<V>& a) { return {-a.v, -a.d}; }
template <class V> Dual<V> operator*(const Dual<V>& a, const Dual<V>& b) { return {a.v * b.v, a.v * b.d + a.d * b.v}; }

// A row of dual numbers and one for all lanes.
template <class V, class S, class = std::enable_if_t<std::is_arithmetic_v<S> && !std::is_arithmetic_v<V>>>
Dual<V> operator*(const Dual<V>& a, const Dual<S>& b) { return {a.v * b.v, a.v * b.d + a.d * b.v}; }
template <class V, class S, class = std::enable_if_t<std::is_arithmetic_v<S> && !std::is_arithmetic_v<V>>>
Dual<V> operator*(const Dual<S>& a, const Dual<V>& b) { return b * a; }

// Dual and constant; the constant may be one number for all lanes.
template <class V, class C, class = std::enable_if_t<!IsDual<C>::value>>
Dual<V> operator*(const Dual<V>& a, const C& c) { return {a.v * c, a.d * c}; }
template <class V, class C, class = std::enable_if_t<std::is_arithmetic_v<C>>>
Dual<V> operator*(C c, const Dual<V>& a) { return {a.v * c, a.d * c}; }
template <class V, class C, class = std::enable_if_t<std::is_arithmetic_v<C>>>
Dual<V> operator+(C c, const Dual<V>& a) { return {a.v + c, a.d}; }
template <class V, class C, class = std::enable_if_t<std::is_arithmetic_v<C>>>
Dual<V> operator+(const Dual<V>& a, C c) { return {a.v + c, a.d}; }
template <class V, class C, class = std::enable_if_t<std::is_arithmetic_v<C>>>
Dual<V> operator-(C c, const Dual<V>& a) { return {c - a.v, -a.d}; }
template <class V, class C, class = std::enable_if_t<std::is_arithmetic_v<C>>>
Dual<V> operator-(const Dual<V>& a, C c) { return {a.v - c, a.d}; }

// A number type T (S or Dual<S>), the row of lanes that belongs to it, and access to one lane.
template <class T>
struct Traits {
    using Scalar = T;
    using Row = Lanes<T>;
    static constexpr bool dual = false;
    static T constant(T c) { return c; }
};
template <class S>
struct Traits<Dual<S>> {
    using Scalar = S;
    using Row = Dual<Lanes<S>>;
    static constexpr bool dual = true;
    static Dual<S> constant(S c) { return {c, S(0)}; }
};
template <class T> using Scalar = typename Traits<T>::Scalar;
template <class T> using Row = typename Traits<T>::Row;

template <class S> inline S value(S a) { return a; }
template <class S> inline S value(const Dual<S>& a) { return a.v; }
template <class S> inline S positive(S a) { return a > S(0) ? a : S(0); }
template <class S> inline Dual<S> positive(const Dual<S>& a) { return {a.v > S(0) ? a.v : S(0), a.v > S(0) ? a.d : S(0)}; }
template <class S> inline S derivative(const Dual<S>& a) { return a.d; }

// Element k of an array of rows; the lanes of a dual row lie apart, all values before derivatives.
template <class T>
struct Element {
    static T get(const Row<T>* rows, int k) {
        return reinterpret_cast<const T*>(rows)[k];
    }
    static void set(Row<T>* rows, int k, T x) { reinterpret_cast<T*>(rows)[k] = x; }
};
template <class S>
struct Element<Dual<S>> {
    static constexpr int W = WIDTH<S>;
    static Dual<S> get(const Row<Dual<S>>* rows, int k) {
        const S* p = reinterpret_cast<const S*>(rows + k / W) + k % W;
        return {p[0], p[W]};
    }
    static void set(Row<Dual<S>>* rows, int k, Dual<S> x) {
        S* p = reinterpret_cast<S*>(rows + k / W) + k % W;
        p[0] = x.v, p[W] = x.d;
    }
};

template <class S, int N>
struct Sum {
    typedef S Half __attribute__((vector_size(N / 2 * sizeof(S))));
    static S of(const void* lanes) {
        Half low, high;
        std::memcpy(&low, lanes, sizeof(Half));
        std::memcpy(&high, static_cast<const char*>(lanes) + sizeof(Half), sizeof(Half));
        low += high;
        return Sum<S, N / 2>::of(&low);
    }
};
template <class S>
struct Sum<S, 2> {
    static S of(const void* lanes) { return static_cast<const S*>(lanes)[0] + static_cast<const S*>(lanes)[1]; }
};
template <class S>
inline S sum_of_lanes(const Lanes<S>& a) { return Sum<S, WIDTH<S>>::of(&a); }
template <class T>
inline T sum_of_lanes_as(const Row<T>& a) {
    if constexpr (Traits<T>::dual) return {sum_of_lanes<Scalar<T>>(a.v), sum_of_lanes<Scalar<T>>(a.d)};
    else return sum_of_lanes<T>(a);
}

// A constant row of lanes, times a number.
template <class T>
inline Row<T> times(const Lanes<Scalar<T>>& row, const T& factor) {
    if constexpr (Traits<T>::dual) return {row * factor.v, row * factor.d};
    else return row * factor;
}

constexpr int rounded_up(int n, int step) { return (n + step - 1) / step * step; }

// ln x for positive finite x, in a form that compilers turn into vector code: with
// x = m 2^e and sqrt(1/2) < m < sqrt(2), ln m = 2 artanh t, t = (m - 1) / (m + 1), |t| < 0.172.
inline float logarithm(float x) {
    int32_t bits;
    std::memcpy(&bits, &x, 4);
    const int32_t e = (bits - 0x3f3504f3) >> 23;
    bits -= e << 23;
    float m;
    std::memcpy(&m, &bits, 4);
    const float t = (m - 1.0f) / (m + 1.0f), q = t * t;
    float series = 1.0f / 9.0f;
    for (int k = 7; k >= 1; k -= 2) series = series * q + 1.0f / static_cast<float>(k);
    return 2.0f * t * series + static_cast<float>(e) * 0.693147180559945f;
}
inline double logarithm(double x) { return std::log(x); }
template <class S>
inline Dual<S> logarithm(const Dual<S>& x) { return {logarithm(x.v), x.d / x.v}; }

template <class S, class = std::enable_if_t<std::is_floating_point_v<S>>>
inline S inverse(S x) { return S(1) / x; }
template <class S>
inline Dual<S> inverse(const Dual<S>& x) {
    const S i = S(1) / x.v;
    return {i, -x.d * i * i};
}
template <class S, class = std::enable_if_t<std::is_floating_point_v<S>>>
inline S inverse_root(S x) { return S(1) / std::sqrt(x); }
template <class S>
inline Dual<S> inverse_root(const Dual<S>& x) {
    const S i = S(1) / std::sqrt(x.v);
    return {i, S(-0.5) * x.d * i * i * i};
}

}  // namespace inn
