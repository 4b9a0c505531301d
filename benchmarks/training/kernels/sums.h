// What products and convolutions are made of: vectors, lists of what is not 0, and the two ways to
// add up many sums at a time, of which either gives the same bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

constexpr int64_t BYTES = 32;   // of a vector
constexpr int BLOCK = 8;        // most vectors of sums in registers at a time
constexpr int64_t FEW = 3;      // values are few if at most 1 in so many is not 0

template <class Real>
struct VectorOf {
  typedef Real type __attribute__((vector_size(BYTES)));
};
template <class Real>
using Vector = typename VectorOf<Real>::type;
template <class Real>
constexpr int64_t LANES = BYTES / sizeof(Real);

template <class Real>
inline Vector<Real> load(const Real* from) {
  Vector<Real> x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

template <class Real>
inline void store(Real* to, Vector<Real> x) {
  std::memcpy(to, &x, sizeof x);
}

inline Vector<float> broadcast(float x) { return Vector<float>{x, x, x, x, x, x, x, x}; }
inline Vector<double> broadcast(double x) { return Vector<double>{x, x, x, x}; }

#if defined(__FMA__)
inline Vector<float> fma(Vector<float> a, Vector<float> b, Vector<float> c) {
  return (Vector<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
inline Vector<double> fma(Vector<double> a, Vector<double> b, Vector<double> c) {
  return (Vector<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
#else
template <class Any>
inline Any fma(Any a, Any b, Any c) {
  for (size_t k = 0; k < sizeof(Any) / sizeof(a[0]); ++k) c[k] = std::fma(a[k], b[k], c[k]);
  return c;
}
#endif

inline int64_t padded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// run(vectors, first element) for consecutive blocks of n elements, a multiple of LANES.
template <class Real, class Run>
inline void each_block(int64_t n, const Run& run) {
  constexpr int64_t L = LANES<Real>;
  int64_t at = 0;
  for (; at + BLOCK * L <= n; at += BLOCK * L) run(std::integral_constant<int, BLOCK>{}, at);
  if (at + 4 * L <= n) run(std::integral_constant<int, 4>{}, at), at += 4 * L;
  if (at + 2 * L <= n) run(std::integral_constant<int, 2>{}, at), at += 2 * L;
  if (at + L <= n) run(std::integral_constant<int, 1>{}, at);
}

// Which of eight values a mask picks, in front.
struct Picked {
  int32_t lanes[256][8];
  constexpr Picked() : lanes() {
    for (int mask = 0; mask < 256; ++mask)
      for (int bit = 0, n = 0; bit < 8; ++bit)
        if (mask >> bit & 1) lanes[mask][n++] = bit;
  }
};
constexpr Picked PICKED;

// What is not 0 in consecutive rows of values, row by row.
template <class Real>
struct Listed {
  std::vector<int32_t> first;  // of each row, and one behind the last
  std::vector<int32_t> place;  // within its row
  std::vector<Real> value;

  // Rows of `width` values; value k of row r at from[r * row + k * step].
  void list(const Real* from, int64_t rows, int64_t width, int64_t row, int64_t step) {
    first.resize(rows + 1);
    place.resize(rows * width + 8);
    value.resize(rows * width + 8);
    int32_t n = 0;
    for (int64_t r = 0; r < rows; ++r) {
      first[r] = n;
      const Real* x = from + r * row;
      int64_t k = 0;
#if defined(__AVX2__)
      if constexpr (sizeof(Real) == sizeof(float))
        for (; step == 1 && k + 8 <= width; k += 8) n += list_eight(x + k, k, n);
#endif
      for (; k < width; ++k) {  // written in any case: no branch to foresee
        place[n] = static_cast<int32_t>(k);
        value[n] = x[k * step];
        n += x[k * step] != 0;
      }
    }
    first[rows] = n;
  }

  bool few(int64_t values) const { return first.back() * FEW <= values; }

 private:
#if defined(__AVX2__)
  int32_t list_eight(const float* x, int64_t k, int32_t n) {
    const __m256 eight = _mm256_loadu_ps(x);
    const int mask = _mm256_movemask_ps(_mm256_cmp_ps(eight, _mm256_setzero_ps(), _CMP_NEQ_UQ));
    const __m256i picked = _mm256_loadu_si256((const __m256i*)PICKED.lanes[mask]);
    const __m256i places = _mm256_add_epi32(picked, _mm256_set1_epi32(static_cast<int>(k)));
    _mm256_storeu_ps(value.data() + n, _mm256_permutevar8x32_ps(eight, picked));
    _mm256_storeu_si256((__m256i*)(place.data() + n), places);
    return __builtin_popcount(mask);
  }
#endif
};

// sums[0:V] += value * rows[place * stride], of what is listed from `from` to `to`.
template <class Real, int V>
inline void add_rows(Vector<Real>* sums, const Listed<Real>& listed, int64_t from, int64_t to,
                     const Real* rows, int64_t stride) {
  for (int64_t k = from; k < to; ++k) {
    const Vector<Real> x = broadcast(listed.value[k]);
    const Real* w = rows + listed.place[k] * stride;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sums[v] = fma(x, load(w + v * LANES<Real>), sums[v]);
  }
}

// rows[place * stride] += value * x[0:V], of what is listed from `from` to `to`.
template <class Real, int V>
inline void add_to_rows(Real* rows, int64_t stride, const Listed<Real>& listed, int64_t from,
                        int64_t to, const Real* x) {
  constexpr int64_t L = LANES<Real>;
  Vector<Real> xs[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) xs[v] = load(x + v * L);
  for (int64_t k = from; k < to; ++k) {
    const Vector<Real> by = broadcast(listed.value[k]);
    Real* row = rows + listed.place[k] * stride;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) store(row + v * L, fma(by, xs[v], load(row + v * L)));
  }
}

// sums[r][0:V] += factors[r * row + k * step] * rows[k * stride] for k < n.
template <class Real, int R, int V>
inline void add_all(Vector<Real> (&sums)[R][V], const Real* factors, int64_t row, int64_t step,
                    int64_t n, const Real* rows, int64_t stride) {
  Vector<Real> here[R][V];  // in registers, which what a caller refers to is not
  std::memcpy(here, sums, sizeof here);
  for (int64_t k = 0; k < n; ++k) {
    Vector<Real> w[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) w[v] = load(rows + k * stride + v * LANES<Real>);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vector<Real> x = broadcast(factors[r * row + k * step]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) here[r][v] = fma(x, w[v], here[r][v]);
    }
  }
  std::memcpy(sums, here, sizeof here);
}

}  // namespace
