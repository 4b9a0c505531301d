// The dynamics of aia/dynamics.py on a CPU, operation by operation in the same order, so that
// every spike and gradient has the same bits.
//
// A drive [T, B, P] is cut into tiles of consecutive elements of one sample, which go through all T
// steps while their membrane potential stays in the first cache. Each step of a tile is a burst of
// consecutive addresses, too short for a processor to foresee the next; bursts are fetched into
// the second cache long before they are needed. Results larger than a core's own cache are
// streamed past it: an ordinary store would first read what it is about to overwrite.
//
// Elements are worked on as vectors of a register's size, GCC's and Clang's own type: operators act
// on each element.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__clang__)
#define NOT_UNROLLED _Pragma("clang loop unroll(disable)")
#else
#define NOT_UNROLLED _Pragma("GCC unroll 1")
#endif

namespace {

#if defined(__AVX512F__)
constexpr int64_t VECTOR = 64;  // bytes
#elif defined(__AVX__)
constexpr int64_t VECTOR = 32;
#else
constexpr int64_t VECTOR = 16;
#endif
constexpr int64_t VECTORS = 512 / VECTOR;  // of a tile
constexpr int64_t AHEAD = 64;              // bursts fetched ahead, beyond those of one tile

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

template <class Element>
struct VectorOf {
  typedef Element type __attribute__((vector_size(VECTOR)));
};
template <>
struct VectorOf<bfloat16> {
  typedef uint16_t type __attribute__((vector_size(VECTOR / 2)));  // as many as floats
};
template <class Element>
using Vector = typename VectorOf<Element>::type;

// The first n elements there, zeros behind them.
template <class Element>
inline Vector<Element> load(const Element* from, int64_t n) {
  Vector<Element> out = {};
  std::memcpy(&out, from, n * sizeof(Element));
  return out;
}

inline Vector<float> load(const bfloat16* from, int64_t n) {
  const auto bits = load<bfloat16>(from, n);
  return (Vector<float>)(__builtin_convertvector(bits, Vector<uint32_t>) << 16);
}

// Copy SIZE bytes, past the cache if asked to; the address is then a multiple of SIZE.
template <int64_t SIZE>
inline void put(void* to, const void* from, bool past_cache) {
#if defined(__SSE2__)
  if (past_cache && SIZE % 16 == 0) {
    auto* out = static_cast<char*>(to);
    auto* in = static_cast<const char*>(from);
#if defined(__AVX512F__)
    if (SIZE == 64) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(out), _mm512_loadu_si512(in));
      return;
    }
#endif
#if defined(__AVX__)
    if (SIZE == 32) {
      _mm256_stream_si256(reinterpret_cast<__m256i*>(out),
                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in)));
      return;
    }
#endif
    for (int64_t i = 0; i < SIZE; i += 16)
      _mm_stream_si128(reinterpret_cast<__m128i*>(out + i),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i)));
    return;
  }
#endif
  std::memcpy(to, from, SIZE);
}

// Store the first n elements of a vector.
template <class Element>
inline void store(Element* to, Vector<Element> x, int64_t n, bool past_cache) {
  if (n * sizeof(Element) == sizeof x)
    put<sizeof x>(to, &x, past_cache);
  else
    std::memcpy(to, &x, n * sizeof(Element));
}

inline void store(bfloat16* to, Vector<float> x, int64_t n, bool past_cache) {
  using Words = Vector<uint32_t>;
  const Words bits = (Words)x;
  const Words nearest = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;  // ties to even
  const Words nan = Words{} + 0x7fc0;
  const Words rounded = x == x ? nearest : nan;
  store<bfloat16>(to, __builtin_convertvector(rounded, Vector<bfloat16>), n, past_cache);
}

// Store 0 and 1, which need no rounding.
template <class Element>
inline void store_spikes(Element* to, Vector<Element> x, int64_t n, bool past_cache) {
  store(to, x, n, past_cache);
}

inline void store_spikes(bfloat16* to, Vector<float> x, int64_t n, bool past_cache) {
  const Vector<uint32_t> bits = (Vector<uint32_t>)x >> 16;
  store<bfloat16>(to, __builtin_convertvector(bits, Vector<bfloat16>), n, past_cache);
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

// One kind of neuron.
template <class Value, bool HARD, bool GAIN>
struct Neuron {
  using State = typename StateOf<Value>::type;
  using States = Vector<State>;
  static constexpr int64_t LANES = VECTOR / sizeof(State);  // elements of a vector
  static constexpr int64_t TILE = VECTORS * LANES;

  const Work& work;
  const int64_t stride = work.samples * work.places;  // elements of a time step
  const State decay = static_cast<State>(work.decay);
  const State threshold = static_cast<State>(work.threshold);
  const Value* drive = static_cast<const Value*>(work.drive);
  const Value* gradient = static_cast<const Value*>(work.gradient);
  Value* out = static_cast<Value*>(work.out);

  static States charged(States v, States y, States gain, State decay) {
    return decay * v + (GAIN ? y + gain * y : y);
  }

  static States fired(States above) { return above >= 0 ? States{} + 1 : States{}; }

  static States reset(States h, States spike, State threshold) {
    return HARD ? h * (1 - spike) : h - threshold * spike;
  }

  // Whether the vectors of a tile at this place may be streamed.
  bool streams(int64_t at) const {
    const auto address = reinterpret_cast<uintptr_t>(out + at);
    return work.past_cache && address % VECTOR == 0 && stride * sizeof(Value) % VECTOR == 0;
  }

  // visit(number, first element, elements) for the vectors of a tile of n elements, all VECTORS if
  // it is WHOLE; what is at `later` is fetched alongside.
  template <bool WHOLE, class Visit>
  static void each_vector(int64_t n, const Value* later, const Visit& visit) {
    const int64_t vectors = WHOLE ? VECTORS : (n + LANES - 1) / LANES;
    NOT_UNROLLED  // or the fetches come in bunches, which costs a third of the time
    for (int64_t number = 0; number < vectors; ++number) {
      const int64_t first = number * LANES;
      __builtin_prefetch(later + first, 0, 1);
      visit(number, first, WHOLE ? LANES : std::min(LANES, n - first));
    }
  }

  // Where burst number k lies, counted from the tile at `at`: its drives and those of the next.
  const Value* forward_burst(int64_t k, int64_t at) const {
    return drive + k % work.steps * stride + at + k / work.steps * TILE;
  }

  // Drives of a tile forwards, its gradients backwards, then those of the next tile.
  const Value* backward_burst(int64_t k, int64_t at) const {
    const int64_t bursts = 2 * work.steps, step = k % bursts, next = at + k / bursts * TILE;
    return step < work.steps ? drive + step * stride + next
                             : gradient + (bursts - 1 - step) * stride + next;
  }

  template <bool WHOLE>
  void forward(int64_t at, const States* gain, int64_t n) const {
    const bool past_cache = streams(at);
    States v[VECTORS] = {};
    for (int64_t t = 0; t < work.steps; ++t) {
      const Value* x = drive + t * stride + at;
      Value* spikes = out + t * stride + at;
      const Value* later = forward_burst(t + work.steps + AHEAD, at);
      each_vector<WHOLE>(n, later, [&](int64_t k, int64_t first, int64_t here) {
        const States h = charged(v[k], load(x + first, here), gain[k], decay);
        const States spike = fired(h - threshold);
        store_spikes(spikes + first, spike, here, past_cache);
        v[k] = reset(h, spike, threshold);
      });
    }
  }

  // `charges` has room for the membrane potentials of a tile and, behind them, for its drives: read
  // a second time from where they came, they would come from the third cache or from memory.
  template <bool DETACH, bool WHOLE>
  void backward(int64_t at, const States* gain, States* to_gain, States* charges,
                int64_t n) const {
    const State slope = static_cast<State>(work.slope), width = static_cast<State>(work.width);
    const bool past_cache = streams(at);
    const int64_t steps = work.steps, ahead = 2 * steps + AHEAD;
    States v[VECTORS] = {};
    for (int64_t t = 0; t < steps; ++t) {
      const Value* x = drive + t * stride + at;
      States* hs = charges + t * VECTORS;
      States* ys = hs + steps * VECTORS;
      const Value* later = backward_burst(t + ahead, at);
      each_vector<WHOLE>(n, later, [&](int64_t k, int64_t first, int64_t here) {
        const States y = load(x + first, here), h = charged(v[k], y, gain[k], decay);
        v[k] = reset(h, fired(h - threshold), threshold);
        hs[k] = h;
        if (GAIN) ys[k] = y;
      });
    }
    States to_v[VECTORS] = {};
    for (int64_t t = steps - 1; t >= 0; --t) {
      const Value* to_spikes = gradient + t * stride + at;
      const States* hs = charges + t * VECTORS;
      const States* ys = hs + steps * VECTORS;
      Value* to_drive = out + t * stride + at;
      const Value* later = backward_burst(2 * steps - 1 - t + ahead, at);
      each_vector<WHOLE>(n, later, [&](int64_t k, int64_t first, int64_t here) {
        const States h = hs[k], above = h - threshold, scaled = above * width;
        const States surrogate = 1 / (scaled * scaled + 1) * slope;
        States to_spike = load(to_spikes + first, here);
        if (!DETACH) to_spike = to_spike - (HARD ? to_v[k] * h : to_v[k] * threshold);
        const States kept = HARD ? to_v[k] * (1 - fired(above)) : to_v[k];
        const States to_h = kept + to_spike * surrogate;
        to_v[k] = to_h * decay;
        store(to_drive + first, to_h, here, past_cache);
        if (GAIN) to_gain[k] += to_h * ys[k];
      });
    }
  }

  // visit(first element, gain and its gradient's sum for the tile, elements). Samples follow each
  // other, so a sum has one order however the places are shared out.
  template <class Visit>
  void each_tile(const Visit& visit) const {
    const auto* gains = static_cast<const State*>(work.gain);
    auto* to_gains = static_cast<State*>(work.to_gain);
    States gain[VECTORS] = {}, sum[VECTORS] = {};
    for (int64_t sample = 0; sample < work.samples; ++sample) {
      for (int64_t place = work.start; place < work.stop; place += TILE) {
        const int64_t n = std::min(TILE, work.stop - place), size = n * sizeof(State);
        if (GAIN) std::memcpy(gain, gains + place, size);
        if (GAIN && to_gains) std::memcpy(sum, to_gains + place, size);
        visit(sample * work.places + place, gain, sum, n);
        if (GAIN && to_gains) std::memcpy(to_gains + place, sum, size);
      }
    }
    all_written();
  }

  void forward_all() const {
    each_tile([&](int64_t at, const States* gain, States*, int64_t n) {
      n == TILE ? forward<true>(at, gain, n) : forward<false>(at, gain, n);
    });
  }

  void backward_all() const {
    work.detach_reset ? backward_all<true>() : backward_all<false>();
  }

  template <bool DETACH>
  void backward_all() const {
    const std::unique_ptr<States[]> charges(new States[(GAIN ? 2 : 1) * work.steps * VECTORS]);
    each_tile([&](int64_t at, const States* gain, States* sum, int64_t n) {
      n == TILE ? backward<DETACH, true>(at, gain, sum, charges.get(), n)
                : backward<DETACH, false>(at, gain, sum, charges.get(), n);
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

// The fastest way that we know to move n bytes, a multiple of 64 at multiples of 64: what bounds
// the kernels above.
void aia_copy(const char* from, char* to, int64_t n) {
  for (int64_t i = 0; i < n; i += VECTOR) put<VECTOR>(to + i, from + i, true);
  all_written();
}

}  // extern "C"
