// Convolutions and their gradients. A sum takes its terms in the order of
//
//   output                  kernel row, kernel column, input channel
//   gradient to the input   kernel row, kernel column, output channel
//   gradient to a weight    sample, output row, output column; in chunks of whole samples with at
//                           least CHUNK terms, which are then added up one after the other
//
// One sample at a time is laid out anew: its channels last, a row of pixels with zeros on both sides.
#pragma once

#include "sums.h"

extern "C" {

// [N, C, H, W] -> [N, D, P, Q]; benchmarks/training/convolutions.py lays it out alike.
struct Convolution {
  int64_t samples, channels, height, width, out_channels, out_height, out_width;
  int64_t kernel_height, kernel_width, stride_y, stride_x, padding_y, padding_x;
  int64_t dilation_y, dilation_x;
  int64_t x[4], w[4], y[4];  // strides of input, weights [D, C, KH, KW] and output, in elements
};

}  // extern "C"

namespace {

constexpr int64_t CHUNK = 4096;
constexpr int64_t SLACK = 64;  // elements behind an array that may be read and are not used

template <class Real>
class Convolved {
 public:
  explicit Convolved(const Convolution& convolution) : c(convolution) {}

  void forward(const Real* x, const Real* weight, Real* y) const {
    std::vector<Real> w = by_tap(weight), out(out_pixels() * wide + SLACK * wide);
    Sample sample(*this);
    for (int64_t n = 0; n < c.samples; ++n) {
      sample.read(x + n * c.x[0]);
      if (sample.few) {
        std::fill(out.begin(), out.end(), Real{});
        forward_listed(sample, w.data(), out.data());
      } else {
        forward_whole(sample.pixels.data(), w.data(), out.data());
      }
      for (int64_t i = 0; i < c.out_height; ++i)
        scatter(out.data() + i * c.out_width * wide, wide, c.out_channels, c.out_width, c.y,
                y + n * c.y[0] + i * c.y[2]);
    }
  }

  void to_weights(const Real* x, const Real* to_y, Real* to_weight) const {
    const int64_t chunk = (CHUNK + out_pixels() - 1) / out_pixels();
    std::vector<Real> sums(taps * c.channels * wide + SLACK * wide), total(sums.size()),
        delta(out_pixels() * wide);
    Sample sample(*this);
    for (int64_t n = 0; n < c.samples; ++n) {
      sample.read(x + n * c.x[0]);
      gather_outputs(to_y + n * c.y[0], c.out_width, delta.data());
      if (sample.few) {
        to_weights_listed(sample, delta.data(), sums.data());
      } else {
        to_weights_whole(sample.pixels.data(), delta.data(), sums.data());
      }
      if ((n + 1) % chunk == 0 || n + 1 == c.samples) {
        for (size_t k = 0; k < sums.size(); ++k) total[k] += sums[k];
        std::fill(sums.begin(), sums.end(), Real{});
      }
    }
    for (int64_t d = 0; d < c.out_channels; ++d)
      for (int64_t k = 0; k < c.channels; ++k)
        for (int64_t t = 0; t < taps; ++t)
          to_weight[(d * c.channels + k) * taps + t] = total[(t * c.channels + k) * wide + d];
  }

  // Input pixels a stride apart have the same taps, which lead to outputs side by side.
  void to_input(const Real* to_y, const Real* weight, Real* to_x) const {
    const int64_t left = c.kernel_width * c.dilation_x, line = left + c.out_width + left + SLACK;
    std::vector<Real> w(taps * c.out_channels * deep), delta(c.out_height * line * wide),
        out((c.height * c.width + SLACK * c.stride_x) * deep);
    for (int64_t t = 0; t < taps; ++t)
      for (int64_t d = 0; d < c.out_channels; ++d)
        for (int64_t k = 0; k < c.channels; ++k)
          w[(t * c.out_channels + d) * deep + k] = weight_at(weight, d, k, t);
    for (int64_t n = 0; n < c.samples; ++n) {
      gather_outputs(to_y + n * c.y[0], line, delta.data() + left * wide);
      for (int64_t i = 0; i < c.height; ++i)
        for (int64_t residue = 0; residue < std::min(c.stride_x, c.width); ++residue)
          for (int64_t j = residue; j < c.width; j += PIXELS * c.stride_x)
            for (int64_t at = 0; at < deep; at += 2 * LANES<Real>)
              to_pixels(i, j, at, w.data(), delta.data() + left * wide, line, out.data());
      for (int64_t i = 0; i < c.height; ++i)
        scatter(out.data() + i * c.width * deep, deep, c.channels, c.width, c.x,
                to_x + n * c.x[0] + i * c.x[2]);
    }
  }

 private:
  static constexpr int PIXELS = 4;  // whose sums are in registers at a time

  // A tap of the kernel and the output pixel that it leads to from an input pixel.
  struct Use {
    int32_t tap, pixel;
  };

  // One sample of the input: what is not 0, or where that is not few, all of it.
  struct Sample {
    const Convolved& of;
    const int64_t line;  // pixels of a row with the zeros around it
    std::vector<Real> pixels;
    Listed<Real> listed;
    bool few = false;
    // pixels of few channels are gone through faster than listed
    const bool may_be_listed = of.c.channels >= LANES<Real>;
    std::vector<int64_t> first_use = {0};  // of each pixel, and one behind the last
    std::vector<Use> uses;

    explicit Sample(const Convolved& convolved)
        : of(convolved), line(convolved.line()), pixels((of.c.height * line + SLACK) * of.c.channels) {
      if (may_be_listed) find_uses();
    }

    void find_uses() {
      const Convolution& c = of.c;
      for (int64_t pixel = 0; pixel < c.height * c.width; ++pixel) {
        for (int64_t ky = 0; ky < c.kernel_height; ++ky) {
          for (int64_t kx = 0; kx < c.kernel_width; ++kx) {
            const int64_t i = of.out_row(pixel / c.width, ky);
            const int64_t j = of.out_column(pixel % c.width, kx);
            if (i >= 0 && j >= 0)
              uses.push_back({static_cast<int32_t>(ky * c.kernel_width + kx),
                              static_cast<int32_t>(i * c.out_width + j)});
          }
        }
        first_use.push_back(static_cast<int64_t>(uses.size()));
      }
    }

    void read(const Real* x) {
      const Convolution& c = of.c;
      few = may_be_listed;
      if (few) {
        const bool lies = c.x[1] == 1 && c.x[3] == c.channels && c.x[2] == c.width * c.channels;
        if (!lies) gather_rows(x, 0, c.width);
        listed.list(lies ? x : pixels.data(), c.height * c.width, c.channels, c.channels, 1);
        few = listed.few(c.height * c.width * c.channels);
        if (!few) std::fill(pixels.begin(), pixels.end(), Real{});
      }
      if (!few) gather_rows(x, c.padding_x, line);
    }

    void gather_rows(const Real* x, int64_t left, int64_t width) {
      const Convolution& c = of.c;
      for (int64_t i = 0; i < c.height; ++i)
        gather(x + i * c.x[2], c.x, c.channels, c.width, c.channels,
               pixels.data() + (i * width + left) * c.channels);
    }
  };

  const Convolution& c;
  const int64_t taps = c.kernel_height * c.kernel_width;
  const int64_t wide = padded(c.out_channels, LANES<Real>);
  const int64_t deep = padded(c.channels, 2 * LANES<Real>);

  int64_t out_pixels() const { return c.out_height * c.out_width; }

  // Enough for every tap of every output, and of those computed beside them that do not exist.
  int64_t line() const {
    const int64_t last = (c.out_width + PIXELS) * c.stride_x + c.kernel_width * c.dilation_x;
    return std::max(last, c.padding_x + c.width);
  }

  // Which output a tap leads to from an input, along one axis; -1 for none.
  static int64_t leads_to(int64_t at, int64_t stride, int64_t size) {
    return at >= 0 && at % stride == 0 && at / stride < size ? at / stride : -1;
  }
  int64_t out_row(int64_t i, int64_t ky) const {
    return leads_to(i + c.padding_y - ky * c.dilation_y, c.stride_y, c.out_height);
  }
  int64_t out_column(int64_t j, int64_t kx) const {
    return leads_to(j + c.padding_x - kx * c.dilation_x, c.stride_x, c.out_width);
  }

  Real weight_at(const Real* weight, int64_t d, int64_t k, int64_t tap) const {
    return weight[d * c.w[0] + k * c.w[1] + tap / c.kernel_width * c.w[2] +
                  tap % c.kernel_width * c.w[3]];
  }

  // [tap, input channel, output channel]
  std::vector<Real> by_tap(const Real* weight) const {
    std::vector<Real> w(taps * c.channels * wide);
    for (int64_t d = 0; d < c.out_channels; ++d)
      for (int64_t k = 0; k < c.channels; ++k)
        for (int64_t t = 0; t < taps; ++t)
          w[(t * c.channels + k) * wide + d] = weight_at(weight, d, k, t);
    return w;
  }

  // A row of pixels with its channels last and `width` of them, from any order in memory, and back.
  static void gather(const Real* from, const int64_t* strides, int64_t channels, int64_t pixels,
                     int64_t width, Real* to) {
    if (strides[1] == 1 && strides[3] == channels && width == channels) {
      std::memcpy(to, from, pixels * channels * sizeof(Real));
    } else if (strides[1] == 1) {
      for (int64_t j = 0; j < pixels; ++j)
        std::memcpy(to + j * width, from + j * strides[3], channels * sizeof(Real));
    } else {
      for (int64_t k = 0; k < channels; ++k)
        for (int64_t j = 0; j < pixels; ++j)
          to[j * width + k] = from[j * strides[3] + k * strides[1]];
    }
  }

  // All outputs of a sample, `line` pixels a row.
  void gather_outputs(const Real* from, int64_t line, Real* to) const {
    for (int64_t i = 0; i < c.out_height; ++i)
      gather(from + i * c.y[2], c.y, c.out_channels, c.out_width, wide, to + i * line * wide);
  }

  static void scatter(const Real* from, int64_t width, int64_t channels, int64_t pixels,
                      const int64_t* strides, Real* to) {
    if (strides[1] == 1 && strides[3] == channels && width == channels) {
      std::memcpy(to, from, pixels * channels * sizeof(Real));
    } else if (strides[1] == 1) {
      for (int64_t j = 0; j < pixels; ++j)
        std::memcpy(to + j * strides[3], from + j * width, channels * sizeof(Real));
    } else {
      for (int64_t k = 0; k < channels; ++k)
        for (int64_t j = 0; j < pixels; ++j)
          to[j * strides[3] + k * strides[1]] = from[j * width + k];
    }
  }

  // visit(first listed, one behind, tap, output pixel) for each tap of each pixel that has any.
  template <class Visit>
  void each_use(const Sample& sample, const Visit& visit) const {
    for (int64_t pixel = 0; pixel < c.height * c.width; ++pixel) {
      const int64_t from = sample.listed.first[pixel], to = sample.listed.first[pixel + 1];
      if (from == to) continue;
      for (int64_t k = sample.first_use[pixel]; k < sample.first_use[pixel + 1]; ++k)
        visit(from, to, sample.uses[k].tap, sample.uses[k].pixel);
    }
  }

  void forward_listed(const Sample& sample, const Real* w, Real* out) const {
    each_block<Real>(wide, [&](auto vectors, int64_t at) {
      constexpr int V = decltype(vectors)::value;
      each_use(sample, [&](int64_t from, int64_t to, int64_t tap, int64_t pixel) {
        Real* o = out + pixel * wide + at;
        Vector<Real> sums[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sums[v] = load(o + v * LANES<Real>);
        add_rows<Real, V>(sums, sample.listed, from, to, w + tap * c.channels * wide + at, wide);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) store(o + v * LANES<Real>, sums[v]);
      });
    });
  }

  void to_weights_listed(const Sample& sample, const Real* delta, Real* sums) const {
    each_block<Real>(wide, [&](auto vectors, int64_t at) {
      constexpr int V = decltype(vectors)::value;
      each_use(sample, [&](int64_t from, int64_t to, int64_t tap, int64_t pixel) {
        add_to_rows<Real, V>(sums + tap * c.channels * wide + at, wide, sample.listed, from, to,
                             delta + pixel * wide + at);
      });
    });
  }

  // Taps of a kernel's row, as far as they lie side by side.
  struct Run {
    const Real* x;  // what they see from the first output of a row
    int64_t tap, values;
  };

  // For the outputs of row i.
  void find_runs(const Real* pixels, int64_t i, std::vector<Run>& runs) const {
    const bool together = c.dilation_x == 1;
    runs.clear();
    for (int64_t ky = 0; ky < c.kernel_height; ++ky) {
      const int64_t row = i * c.stride_y - c.padding_y + ky * c.dilation_y;
      if (row < 0 || row >= c.height) continue;
      for (int64_t kx = 0; kx < (together ? 1 : c.kernel_width); ++kx)
        runs.push_back({pixels + (row * line() + kx * c.dilation_x) * c.channels,
                        ky * c.kernel_width + kx,
                        together ? c.kernel_width * c.channels : c.channels});
    }
  }

  // run(vectors, first element) for the output channels, one or two vectors at a time.
  template <class Do>
  void each_pair(const Do& run) const {
    int64_t at = 0;
    for (; at + 2 * LANES<Real> <= wide; at += 2 * LANES<Real>)
      run(std::integral_constant<int, 2>{}, at);
    if (at < wide) run(std::integral_constant<int, 1>{}, at);
  }

  void forward_whole(const Real* pixels, const Real* w, Real* out) const {
    const int64_t apart = c.stride_x * c.channels;
    std::vector<Run> runs;
    for (int64_t i = 0; i < c.out_height; ++i) {
      find_runs(pixels, i, runs);
      each_pair([&](auto vectors, int64_t at) {
        constexpr int V = decltype(vectors)::value;
        for (int64_t j = 0; j < c.out_width; j += PIXELS) {
          Vector<Real> sums[PIXELS][V] = {};
          for (const Run& run : runs)
            add_all<Real, PIXELS, V>(sums, run.x + j * apart, apart, 1, run.values,
                                     w + run.tap * c.channels * wide + at, wide);
          Real* o = out + (i * c.out_width + j) * wide + at;  // beyond the row: overwritten, or slack
          for (int64_t r = 0; r < PIXELS; ++r)
            for (int v = 0; v < V; ++v) store(o + r * wide + v * LANES<Real>, sums[r][v]);
        }
      });
    }
  }

  void to_weights_whole(const Real* pixels, const Real* delta, Real* sums) const {
    constexpr int R = 6;  // weights of a run at a time
    std::vector<Run> runs;
    for (int64_t i = 0; i < c.out_height; ++i) {
      find_runs(pixels, i, runs);
      each_pair([&](auto vectors, int64_t at) {
        constexpr int V = decltype(vectors)::value;
        for (const Run& run : runs) {
          for (int64_t k = 0; k < run.values; k += R) {
            Real* of = sums + (run.tap * c.channels + k) * wide + at;
            const int64_t real = std::min<int64_t>(R, run.values - k);
            Vector<Real> partial[R][V];
            for (int64_t r = 0; r < R; ++r)
              for (int v = 0; v < V; ++v) partial[r][v] = load(of + r * wide + v * LANES<Real>);
            add_all<Real, R, V>(partial, run.x + k, 1, c.stride_x * c.channels, c.out_width,
                                delta + i * c.out_width * wide + at, wide);
            for (int64_t r = 0; r < real; ++r)
              for (int v = 0; v < V; ++v) store(of + r * wide + v * LANES<Real>, partial[r][v]);
          }
        }
      });
    }
  }

  void to_pixels(int64_t i, int64_t j, int64_t at, const Real* w, const Real* delta, int64_t line,
                 Real* out) const {
    Vector<Real> sums[PIXELS][2] = {};
    for (int64_t ky = 0; ky < c.kernel_height; ++ky) {
      const int64_t row = out_row(i, ky);
      if (row < 0) continue;
      for (int64_t kx = 0; kx < c.kernel_width; ++kx) {
        const int64_t place = j + c.padding_x - kx * c.dilation_x;  // below 0: a zero on the left
        if (place % c.stride_x != 0) continue;
        const int64_t tap = ky * c.kernel_width + kx;
        add_all<Real, PIXELS, 2>(sums, delta + (row * line + place / c.stride_x) * wide, wide, 1,
                                 c.out_channels, w + tap * c.out_channels * deep + at, deep);
      }
    }
    for (int64_t r = 0; r < PIXELS && j + r * c.stride_x < c.width; ++r)
      for (int v = 0; v < 2; ++v)
        store(out + (i * c.width + j + r * c.stride_x) * deep + at + v * LANES<Real>, sums[r][v]);
  }
};

}  // namespace
