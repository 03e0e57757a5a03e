/* What a leaf loop is made of: a macro that compiles one function for several
 * instruction sets, and elementary functions that vectorise. */
#ifndef SKGD_LEAF_H
#define SKGD_LEAF_H

#include <math.h>
#include <stdint.h>

/* A leaf function is compiled three times and the machine picks the widest at
 * load time, so that one binary is portable and yet as fast as -march=native
 * (plain -O3 was up to 2.5 times slower at one sample per update). */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) \
    && !defined(__clang__) && __GNUC__ >= 12
#define SKGD_LEAF \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SKGD_LEAF
#endif

/* The empty asm keeps GCC from removing a function that only prefetches. */
#if defined(__GNUC__) || defined(__clang__)
#define SKGD_PREFETCH(address) \
    (__extension__({ __builtin_prefetch(address); __asm__ volatile(""); }))
#else
#define SKGD_PREFETCH(address) ((void)0)
#endif

/* exp(x) = 2^k exp(r), |r| <= ln(2)/2, with the Taylor polynomial of exp(r) - 1
 * (degree 7: 5e-9, degree 13: 4e-18, both below the rounding error). libm's
 * versions do not vectorise without -ffast-math. The fma keeps the two-part
 * reduction intact under -fassociative-math. Arguments outside the range where
 * the result is a normal number are clamped, NaN stays NaN. */
static inline float skgd_reduce_f32(float x, int32_t *k)
{
    float n = rintf(x * 1.44269504f);
    *k = (int32_t)n;
    return fmaf(-n, 0x1.7f7d1cp-20f, fmaf(-n, 0x1.62e400p-1f, x));
}

static inline double skgd_reduce_f64(double x, int64_t *k)
{
    double n = rint(x * 1.4426950408889634);
    *k = (int64_t)n;
    return fma(-n, 0x1.abc9e3b39803fp-56, fma(-n, 0x1.62e42fefa39efp-1, x));
}

static inline float skgd_expm1_core_f32(float r)
{
    float q = 1.f / 5040;
    q = q * r + 1.f / 720;
    q = q * r + 1.f / 120;
    q = q * r + 1.f / 24;
    q = q * r + 1.f / 6;
    q = q * r + 1.f / 2;
    return q * r * r + r;
}

static inline double skgd_expm1_core_f64(double r)
{
    double q = 1. / 6227020800;
    q = q * r + 1. / 479001600;
    q = q * r + 1. / 39916800;
    q = q * r + 1. / 3628800;
    q = q * r + 1. / 362880;
    q = q * r + 1. / 40320;
    q = q * r + 1. / 5040;
    q = q * r + 1. / 720;
    q = q * r + 1. / 120;
    q = q * r + 1. / 24;
    q = q * r + 1. / 6;
    q = q * r + 1. / 2;
    return q * r * r + r;
}

static inline float skgd_pow2_f32(int32_t k)
{
    float s;
    k = (k + 127) << 23;
    __builtin_memcpy(&s, &k, 4);
    return s;
}

static inline double skgd_pow2_f64(int64_t k)
{
    double s;
    k = (k + 1023) << 52;
    __builtin_memcpy(&s, &k, 8);
    return s;
}

static inline float skgd_exp_f32(float x)
{
    int32_t k;
    x = x < -87.3365f ? -87.3365f : x;
    x = x > 88.f ? 88.f : x;
    float p = skgd_expm1_core_f32(skgd_reduce_f32(x, &k));
    float s = skgd_pow2_f32(k);
    return fmaf(p, s, s);
}

static inline double skgd_exp_f64(double x)
{
    int64_t k;
    x = x < -708.396 ? -708.396 : x;
    x = x > 709. ? 709. : x;
    double p = skgd_expm1_core_f64(skgd_reduce_f64(x, &k));
    double s = skgd_pow2_f64(k);
    return fma(p, s, s);
}

/* a / (b + c) with the rounding error of the sum, and that of the quotient, put
 * right. Only in files that are compiled without -fassociative-math. */
#define SKGD_QUOTIENT(name, real, fma) \
    static inline real name(real a, real b, real c) \
    { \
        real d = b + c, other = d - b; \
        real lost = (b - (d - other)) + (c - other); \
        real inverse = 1 / d, y = a * inverse; \
        return fma(fma(-y, d, a) - y * lost, inverse, y); \
    }
SKGD_QUOTIENT(skgd_quotient_f32, float, fmaf)
SKGD_QUOTIENT(skgd_quotient_f64, double, fma)

/* 1 / (1 + exp(-x)), from exp(-|x|) <= 1; 0 where that is no normal number */
static inline float skgd_logistic_f32(float x)
{
    float e = fabsf(x) > 87.3365f ? 0.f : skgd_exp_f32(-fabsf(x));
    return skgd_quotient_f32(x < 0 ? e : 1.f, 1.f, e);
}

static inline double skgd_logistic_f64(double x)
{
    double e = fabs(x) > 708.396 ? 0. : skgd_exp_f64(-fabs(x));
    return skgd_quotient_f64(x < 0 ? e : 1., 1., e);
}

/* tanh(x) = sign(x) e / (e + 2) with e = exp(2 |x|) - 1: exact near zero. */
static inline float skgd_tanh_f32(float x)
{
    int32_t k;
    float a = 2.f * fabsf(x);
    a = a > 40.f ? 40.f : a;
    float p = skgd_expm1_core_f32(skgd_reduce_f32(a, &k));
    float s = skgd_pow2_f32(k);
    float e = fmaf(p, s, s - 1.f);
    return copysignf(skgd_quotient_f32(e, e, 2.f), x);
}

static inline double skgd_tanh_f64(double x)
{
    int64_t k;
    double a = 2. * fabs(x);
    a = a > 80. ? 80. : a;
    double p = skgd_expm1_core_f64(skgd_reduce_f64(a, &k));
    double s = skgd_pow2_f64(k);
    double e = fma(p, s, s - 1.);
    return copysign(skgd_quotient_f64(e, e, 2.), x);
}

#endif
