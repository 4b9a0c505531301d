// The dynamics of aia/dynamics.py on a CPU, operation by operation in the same order, so that
// every spike and gradient has the same bits.
//
// A drive [T, B, P] is cut into tiles of TILE elements of one sample, which go through all T steps
// while their membrane potential stays in the first cache. Each step of a tile is one burst of
// consecutive addresses; the burst AHEAD places later in this order is fetched meanwhile. Results
// larger than a core's own cache are streamed past it: an ordinary store would first read what it
// is about to overwrite.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace {

#if defined(__GNUC__)
#define RESTRICT __restrict__
#else
#define RESTRICT
#endif

constexpr int64_t TILE = 128;
constexpr int64_t AHEAD = 8;
constexpr int64_t LINE = 64;  // bytes

struct bfloat16 {
  uint16_t bits;
};

// State and sums are float for all but double.
template <class Value>
struct StateOf {
  using type = float;
};
template <>
struct StateOf<double> {
  using type = double;
};

inline float load(float x) { return x; }
inline double load(double x) { return x; }
inline float load(bfloat16 x) {
  uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float out;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}

inline void store(float& to, float x) { to = x; }
inline void store(double& to, double x) { to = x; }
inline void store(bfloat16& to, float x) {  // to the nearest, ties to even
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  to.bits = static_cast<uint16_t>(x == x ? rounded : 0x7fc0);
}

template <class Value>
inline void fetch(const Value* from) {
#if defined(__GNUC__)
  for (int64_t i = 0; i < TILE; i += LINE / static_cast<int64_t>(sizeof(Value)))
    __builtin_prefetch(from + i);
#endif
}

// Copy n bytes, past the cache if asked to and if the addresses allow it.
inline void put(void* to, const void* from, int64_t n, bool past_cache) {
#if defined(__SSE2__)
  if (past_cache && n % LINE == 0 && reinterpret_cast<uintptr_t>(to) % LINE == 0) {
    auto* out = static_cast<char*>(to);
    auto* in = static_cast<const char*>(from);
#if defined(__AVX512F__)
    for (int64_t i = 0; i < n; i += 64)
      _mm512_stream_si512(reinterpret_cast<__m512i*>(out + i), _mm512_loadu_si512(in + i));
#else
    for (int64_t i = 0; i < n; i += 16)
      _mm_stream_si128(reinterpret_cast<__m128i*>(out + i),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i)));
#endif
    return;
  }
#endif
  std::memcpy(to, from, n);
}

inline void all_written() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace

extern "C" {

// What a call works on; aia/native.py lays it out alike.
struct Work {
  const void* drive;     // [T, B, P]
  const void* gain;      // [P] of the state's type, or null: I = y + gain * y, else I = y
  const void* gradient;  // [T, B, P] of the spikes; backward alone
  void* out;             // [T, B, P]: spikes, or the drive's gradient
  void* to_gain;         // [P] of the state's type: sum of dL/dI * y over T and B is added, or null
  int64_t steps, samples, places;
  int64_t start, stop;  // the places of this call
  double decay, threshold, slope, width;  // of the surrogate: slope / (1 + (width * above)^2)
  int32_t hard, detach_reset, past_cache, dtype;  // dtype: 0 float, 1 double, 2 bfloat16
};

}  // extern "C"

namespace {

// One kind of neuron. The loops over a tile's elements are functions of restricted pointers and
// of values: what may share memory is not vectorised.
template <class Value, bool HARD, bool GAIN>
struct Neuron {
  using State = typename StateOf<Value>::type;

  const Work& work;
  const int64_t stride = work.samples * work.places;  // elements of a time step
  const State decay = static_cast<State>(work.decay);
  const State threshold = static_cast<State>(work.threshold);
  const Value* drive = static_cast<const Value*>(work.drive);
  const Value* gradient = static_cast<const Value*>(work.gradient);
  Value* out = static_cast<Value*>(work.out);

  static State charged(State v, State y, State gain, State decay) {
    return decay * v + (GAIN ? y + gain * y : y);
  }

  static State fired(State above) { return static_cast<State>(above >= 0); }

  static State reset(State h, State spike, State threshold) {
    return HARD ? h * (1 - spike) : h - threshold * spike;
  }

  static void step(int64_t n, const Value* RESTRICT x, const State* RESTRICT gain,
                   State* RESTRICT v, Value* RESTRICT spikes, State decay, State threshold) {
    for (int64_t i = 0; i < n; ++i) {
      const State h = charged(v[i], load(x[i]), gain[i], decay);
      const State spike = fired(h - threshold);
      store(spikes[i], spike);
      v[i] = reset(h, spike, threshold);
    }
  }

  static void step_again(int64_t n, const Value* RESTRICT x, const State* RESTRICT gain,
                         State* RESTRICT v, State* RESTRICT h, State decay, State threshold) {
    for (int64_t i = 0; i < n; ++i) {
      h[i] = charged(v[i], load(x[i]), gain[i], decay);
      v[i] = reset(h[i], fired(h[i] - threshold), threshold);
    }
  }

  template <bool DETACH>
  static void step_back(int64_t n, const Value* RESTRICT x, const Value* RESTRICT to_spikes,
                        const State* RESTRICT h, State* RESTRICT to_v, State* RESTRICT to_gain,
                        Value* RESTRICT to_drive, State decay, State threshold, State slope,
                        State width) {
    for (int64_t i = 0; i < n; ++i) {
      const State above = h[i] - threshold;
      const State scaled = above * width;
      const State surrogate = 1 / (scaled * scaled + 1) * slope;
      State to_spike = load(to_spikes[i]);
      if (!DETACH) to_spike = to_spike - to_v[i] * (HARD ? h[i] : threshold);
      const State kept = HARD ? to_v[i] * (1 - fired(above)) : to_v[i];
      const State to_h = kept + to_spike * surrogate;
      to_v[i] = to_h * decay;
      store(to_drive[i], to_h);
      if (GAIN) to_gain[i] += to_h * load(x[i]);
    }
  }

  void forward(int64_t at, const State* gain, int64_t n) const {
    alignas(LINE) State v[TILE] = {};
    alignas(LINE) Value spikes[TILE];
    for (int64_t t = 0; t < work.steps; ++t) {
      const int64_t later = t + AHEAD;
      fetch(later < work.steps ? drive + later * stride + at
                               : drive + (later - work.steps) * stride + at + TILE);
      step(n, drive + t * stride + at, gain, v, spikes, decay, threshold);
      put(out + t * stride + at, spikes, n * sizeof(Value), work.past_cache);
    }
  }

  template <bool DETACH>
  void backward(int64_t at, const State* gain, State* to_gain, State* charges, int64_t n) const {
    const State slope = static_cast<State>(work.slope), width = static_cast<State>(work.width);
    const int64_t last = work.steps - 1;
    alignas(LINE) State v[TILE] = {};
    for (int64_t t = 0; t <= last; ++t) {
      const int64_t later = t + AHEAD;
      fetch(later <= last ? drive + later * stride + at
                          : gradient + std::max<int64_t>(2 * last + 1 - later, 0) * stride + at);
      step_again(n, drive + t * stride + at, gain, v, charges + t * TILE, decay, threshold);
    }
    alignas(LINE) State to_v[TILE] = {};
    alignas(LINE) Value to_drive[TILE];
    for (int64_t t = last; t >= 0; --t) {
      fetch(t >= AHEAD ? gradient + (t - AHEAD) * stride + at
                       : drive + std::min(AHEAD - 1 - t, last) * stride + at + TILE);
      step_back<DETACH>(n, drive + t * stride + at, gradient + t * stride + at,
                        charges + t * TILE, to_v, to_gain, to_drive, decay, threshold, slope,
                        width);
      put(out + t * stride + at, to_drive, n * sizeof(Value), work.past_cache);
    }
  }

  // visit(first element, gain and its gradient's sum for the tile, elements). Samples follow each
  // other, so a sum has one order however the places are shared out.
  template <class Visit>
  void each_tile(const Visit& visit) const {
    const auto* gains = static_cast<const State*>(work.gain);
    auto* to_gains = static_cast<State*>(work.to_gain);
    alignas(LINE) State gain[TILE] = {}, sum[TILE] = {};
    for (int64_t sample = 0; sample < work.samples; ++sample) {
      for (int64_t place = work.start; place < work.stop; place += TILE) {
        const int64_t n = std::min(TILE, work.stop - place);
        if (GAIN) std::copy_n(gains + place, n, gain);
        if (GAIN && to_gains) std::copy_n(to_gains + place, n, sum);
        visit(sample * work.places + place, gain, sum, n);
        if (GAIN && to_gains) std::copy_n(sum, n, to_gains + place);
      }
    }
    all_written();
  }

  void forward_all() const {
    each_tile([&](int64_t at, const State* g, State*, int64_t n) { forward(at, g, n); });
  }

  void backward_all() const {
    struct Aligned {
      void operator()(State* p) const { ::operator delete[](p, std::align_val_t(LINE)); }
    };
    const std::unique_ptr<State[], Aligned> charges(
        static_cast<State*>(::operator new[](work.steps * TILE * sizeof(State), std::align_val_t(LINE))));
    each_tile([&](int64_t at, const State* g, State* sum, int64_t n) {
      work.detach_reset ? backward<true>(at, g, sum, charges.get(), n)
                        : backward<false>(at, g, sum, charges.get(), n);
    });
  }
};

template <class Value, class Do>
void with_options(const Work& work, const Do& run) {
  if (work.hard) {
    work.gain ? run(Neuron<Value, true, true>{work}) : run(Neuron<Value, true, false>{work});
  } else {
    work.gain ? run(Neuron<Value, false, true>{work}) : run(Neuron<Value, false, false>{work});
  }
}

template <class Do>
void with_type(const Work& work, const Do& run) {
  if (work.dtype == 0) with_options<float>(work, run);
  if (work.dtype == 1) with_options<double>(work, run);
  if (work.dtype == 2) with_options<bfloat16>(work, run);
}

}  // namespace

extern "C" {

void aia_forward(const Work* work) {
  with_type(*work, [](const auto& neuron) { neuron.forward_all(); });
}

void aia_backward(const Work* work) {
  with_type(*work, [](const auto& neuron) { neuron.backward_all(); });
}

// The fastest way that we know to move n bytes: what bounds the kernels above.
void aia_copy(const char* from, char* to, int64_t n) {
  for (int64_t i = 0; i < n; i += TILE) put(to + i, from + i, std::min(TILE, n - i), true);
  all_written();
}

}  // extern "C"
