// Products of matrices whose rows are rows of lanes.
#pragma once

#include "buffer.h"
#include "scalar.h"

namespace inn {

// Atoms that go through the readout together: its weights are read once for all of them.
#if INN_VECTOR_BYTES == 64
constexpr int BLOCK = 8, SUMS = 24;  // of 32 registers, SUMS hold partial sums
#else
constexpr int BLOCK = 8, SUMS = 12;  // of 16
#endif
// Rows that are multiplied at a time.
template <class T>
constexpr int TILE = (SUMS == 24 ? 8 : 4) / (Traits<T>::dual ? 2 : 1);

// A matrix (inner, columns of lanes) cut into panels of a few columns, each read in one go.
template <class S>
struct Panels {
    int inner = 0, columns = 0, width = 2;
    Buffer<Lanes<S>> rows;

    void set(int inner_, int columns_) {
        inner = inner_, columns = columns_, width = columns % 3 == 0 ? 3 : 2;
        rows.zeros(static_cast<size_t>(inner) * columns);
    }
    // First row of the panel that begins at a column, and the number of its columns.
    const Lanes<S>* panel(int column) const { return rows.data() + static_cast<size_t>(column) * inner; }
    int panel_width(int column) const { return columns - column < width ? columns - column : width; }
    // Where the numbers of place p (of all columns' lanes) begin, and how far apart rows are.
    S* place(int p, int& stride) {
        const int column = p / WIDTH<S>, first = column - column % width;
        stride = panel_width(first) * WIDTH<S>;
        return reinterpret_cast<S*>(rows.data() + static_cast<size_t>(first) * inner + column - first) + p % WIDTH<S>;
    }
    // Fill from numbers (inner, columns * lanes) that lie `row` apart and, in a row, `step` apart.
    void fill(const S* from, size_t row, size_t step, int places) {
        for (int p = 0; p < places; p++) {
            int stride;
            S* to = place(p, stride);
            for (int k = 0; k < inner; k++) to[static_cast<size_t>(k) * stride] = from[k * row + p * step];
        }
    }
};

// out[r][c] += sum_k x[r][k] m[k][c] for a tile of R rows and C rows of lanes that stays in registers.
template <class T, int R, int C>
inline void multiply_tile(const Row<T>* x, int x_stride, int inner, const Lanes<Scalar<T>>* m, int m_stride,
                          Row<T>* out, int out_stride) {
    Row<T> sum[R][C];
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) sum[r][c] = out[r * out_stride + c];
    constexpr int W = WIDTH<Scalar<T>>;
    for (int first = 0; first < inner; first += W) {
        const Scalar<T>* lanes = reinterpret_cast<const Scalar<T>*>(x + first / W);
        const int stride = x_stride * static_cast<int>(sizeof(Row<T>) / sizeof(Scalar<T>));
        const int count = inner - first < W ? inner - first : W;
        for (int k = 0; k < count; k++, m += m_stride)
            for (int r = 0; r < R; r++) {
                const Scalar<T> a = lanes[r * stride + k];
                if constexpr (Traits<T>::dual) {
                    const Scalar<T> d = lanes[r * stride + W + k];
                    for (int c = 0; c < C; c++) sum[r][c].v += a * m[c], sum[r][c].d += d * m[c];
                } else {
                    for (int c = 0; c < C; c++) sum[r][c] += a * m[c];
                }
            }
    }
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) out[r * out_stride + c] = sum[r][c];
}

template <class T, int R>
inline void multiply(const Row<T>* x, int x_stride, const Panels<Scalar<T>>& m, Row<T>* out) {
    // As many columns at a time as have their sums in registers.
    constexpr int most = SUMS / (R * (Traits<T>::dual ? 2 : 1));
    for (int c = 0; c < m.columns; c += m.width) {
        const int width = m.panel_width(c);
        int d = 0;
        if constexpr (most >= 3)
            for (; d + 3 <= width; d += 3)
                multiply_tile<T, R, 3>(x, x_stride, m.inner, m.panel(c) + d, width, out + c + d, m.columns);
        if constexpr (most >= 2)
            for (; d + 2 <= width; d += 2)
                multiply_tile<T, R, 2>(x, x_stride, m.inner, m.panel(c) + d, width, out + c + d, m.columns);
        for (; d < width; d++)
            multiply_tile<T, R, 1>(x, x_stride, m.inner, m.panel(c) + d, width, out + c + d, m.columns);
    }
}

// A matrix (inner, columns) of padded axes, of which both are whole rows of lanes.
template <class S>
struct Matrix {
    int inner = 0, columns = 0;  // rows of lanes
    Buffer<Lanes<S>> values;     // (inner * W, columns)
    Panels<S> forward, backward;

    void zeros(int inner_, int columns_) {
        inner = inner_, columns = columns_;
        values.zeros(static_cast<size_t>(inner) * WIDTH<S> * columns);
    }
    S* numbers() { return reinterpret_cast<S*>(values.data()); }
    void make_panels() {
        const int W = WIDTH<S>;
        forward.set(inner * W, columns), backward.set(columns * W, inner);
        forward.fill(numbers(), columns * W, 1, columns * W);
        backward.fill(numbers(), 1, columns * W, inner * W);
    }
    // Add the derivative of x^T by, of R dual rows each: a gradient by the matrix.
    template <int R = 1>
    void add(const Row<Dual<S>>* x, int x_stride, const Row<Dual<S>>* by, int by_stride) {
        for (int k = 0; k < inner * WIDTH<S>; k++) {
            Dual<S> a[R];
            for (int r = 0; r < R; r++) a[r] = Element<Dual<S>>::get(x + r * x_stride, k);
            Lanes<S>* out = values.data() + static_cast<size_t>(k) * columns;
            for (int c = 0; c < columns; c++) {
                Lanes<S> sum = out[c];
                for (int r = 0; r < R; r++) sum += by[r * by_stride + c].d * a[r].v + by[r * by_stride + c].v * a[r].d;
                out[c] = sum;
            }
        }
    }
    void add(const Row<Dual<S>>* x, const Row<Dual<S>>* by) { add<1>(x, 0, by, 0); }
};

}  // namespace inn
