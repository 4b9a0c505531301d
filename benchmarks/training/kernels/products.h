// Matrix products: a sum takes its terms in the order of the inner dimension.
#pragma once

#include "sums.h"

namespace {

// Value (i, k) lies at values[i * row + k * column].
template <class Real>
struct Matrix {
  Real* values;
  int64_t row, column;

  Matrix transposed() const { return {values, column, row}; }
};

// visit(i, k) tile by tile, so that neither of two orders in memory misses the cache.
template <class Visit>
inline void each_place(int64_t rows, int64_t columns, const Visit& visit) {
  constexpr int64_t TILE = 16;
  for (int64_t i0 = 0; i0 < rows; i0 += TILE)
    for (int64_t k0 = 0; k0 < columns; k0 += TILE)
      for (int64_t i = i0; i < std::min(rows, i0 + TILE); ++i)
        for (int64_t k = k0; k < std::min(columns, k0 + TILE); ++k) visit(i, k);
}

template <class Real>
void copy(Matrix<const Real> from, int64_t rows, int64_t columns, Matrix<Real> to) {
  each_place(rows, columns, [&](int64_t i, int64_t k) {
    to.values[i * to.row + k * to.column] = from.values[i * from.row + k * from.column];
  });
}

template <class Real>
bool few(Matrix<const Real> m, int64_t rows, int64_t columns) {
  int64_t n = 0;
  each_place(rows, columns,
             [&](int64_t i, int64_t k) { n += m.values[i * m.row + k * m.column] != 0; });
  return n * FEW <= rows * columns;
}

// A matrix whose rows are whole vectors side by side: as it lies in memory, or a copy.
template <class Real>
struct Rows {
  std::vector<Real> copied;
  const Real* values;
  int64_t stride;

  Rows(Matrix<const Real> m, int64_t rows, int64_t columns) : values(m.values), stride(m.row) {
    if (m.column == 1 && columns % LANES<Real> == 0) return;
    stride = padded(columns, LANES<Real>);
    copied.resize(rows * stride);
    copy(m, rows, columns, Matrix<Real>{copied.data(), stride, 1});
    values = copied.data();
  }
};

// C [m, n] = A [m, k] B [k, n]
template <class Real>
struct Product {
  Matrix<const Real> a, b;
  Matrix<Real> c;
  int64_t m, k, n;

  void run() const {
    if (few(a, m, k)) return listing_a();
    if (few(b, k, n)) return listing_b();
    whole();
  }

  // A row of C is a sum of rows of B.
  void listing_a() const {
    const Rows<Real> rows(b, k, n);
    const int64_t wide = padded(n, LANES<Real>);
    std::vector<Real> line(wide);
    Listed<Real> listed;
    for (int64_t i = 0; i < m; ++i) {
      listed.list(a.values + i * a.row, 1, k, 0, a.column);
      each_block<Real>(wide, [&](auto vectors, int64_t at) {
        constexpr int V = decltype(vectors)::value;
        Vector<Real> sums[V] = {};
        add_rows<Real, V>(sums, listed, 0, listed.first[1], rows.values + at, rows.stride);
        for (int v = 0; v < V; ++v) store(line.data() + at + v * LANES<Real>, sums[v]);
      });
      for (int64_t j = 0; j < n; ++j) c.values[i * c.row + j * c.column] = line[j];
    }
  }

  // A column of A is added to the columns of C that a row of B lists.
  void listing_b() const {
    const Rows<Real> columns(a.transposed(), k, m);
    const int64_t wide = padded(m, LANES<Real>);
    std::vector<Real> sums(n * wide);
    Listed<Real> listed;
    for (int64_t l = 0; l < k; ++l) {
      listed.list(b.values + l * b.row, 1, n, 0, b.column);
      each_block<Real>(wide, [&](auto vectors, int64_t at) {
        constexpr int V = decltype(vectors)::value;
        add_to_rows<Real, V>(sums.data() + at, wide, listed, 0, listed.first[1],
                             columns.values + l * columns.stride + at);
      });
    }
    copy(Matrix<const Real>{sums.data(), wide, 1}, n, m, c.transposed());
  }

  void whole() const {
    constexpr int R = 6, V = 2;
    constexpr int64_t WIDE = V * LANES<Real>;
    std::vector<Real> panel(k * WIDE);
    for (int64_t j = 0; j < n; j += WIDE) {
      const int64_t columns = std::min(WIDE, n - j);
      copy(Matrix<const Real>{b.values + j * b.column, b.row, b.column}, k, columns,
           Matrix<Real>{panel.data(), WIDE, 1});
      int64_t i = 0;
      for (; i + R <= m; i += R) tile<R, V>(i, j, columns, panel.data());
      for (; i < m; ++i) tile<1, V>(i, j, columns, panel.data());
    }
  }

  template <int R, int V>
  void tile(int64_t i, int64_t j, int64_t columns, const Real* panel) const {
    constexpr int64_t WIDE = V * LANES<Real>;
    Vector<Real> sums[R][V] = {};
    add_all<Real, R, V>(sums, a.values + i * a.row, a.row, a.column, k, panel, WIDE);
    Real lines[R * WIDE];
    std::memcpy(lines, sums, sizeof lines);
    for (int64_t r = 0; r < R; ++r)
      for (int64_t l = 0; l < columns; ++l)
        c.values[(i + r) * c.row + (j + l) * c.column] = lines[r * WIDE + l];
  }
};

}  // namespace
