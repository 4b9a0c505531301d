// Matrix products and convolutions whose every sum has one order, whatever processor runs them.
//
// A sum starts at 0 and takes one fused multiply-add a term, in the orders that products.h and
// convolutions.h give. A term with a factor 0 leaves a sum as it is, so where a factor is mostly 0,
// as spikes are, only what is not 0 is listed and gone through: the same bits, less work.

#include "convolutions.h"
#include "products.h"

extern "C" {

// sizes: m, k, n, then the strides of rows and columns of A [m, k], B [k, n] and C [m, n]
#define ENTRIES(Real, type)                                                                        \
  void product_##type(const Real* a, const Real* b, Real* c, const int64_t* sizes) {               \
    const int64_t* s = sizes + 3;                                                                  \
    Product<Real>{{a, s[0], s[1]}, {b, s[2], s[3]}, {c, s[4], s[5]}, sizes[0], sizes[1], sizes[2]} \
        .run();                                                                                    \
  }                                                                                                \
  void convolution_##type(const Real* x, const Real* w, Real* y, const Convolution* c) {           \
    Convolved<Real>(*c).forward(x, w, y);                                                          \
  }                                                                                                \
  void to_weights_##type(const Real* x, const Real* to_y, Real* to_w, const Convolution* c) {      \
    Convolved<Real>(*c).to_weights(x, to_y, to_w);                                                 \
  }                                                                                                \
  void to_input_##type(const Real* to_y, const Real* w, Real* to_x, const Convolution* c) {        \
    Convolved<Real>(*c).to_input(to_y, w, to_x);                                                   \
  }

ENTRIES(float, float)
ENTRIES(double, double)

}  // extern "C"
