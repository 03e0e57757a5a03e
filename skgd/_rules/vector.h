/* What a leaf loop is made of: a macro that compiles one function for several
 * instruction sets, and elementary functions that vectorise. */
#ifndef SKGD_LEAF_H
#define SKGD_LEAF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* A leaf function is compiled three times and the machine picks the widest at
 * load time, so that one binary is portable and yet as fast as -march=native
 * (plain -O3 was up to 2.5 times slower at one sample per update). */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) \
    && !defined(__clang__) && __GNUC__ >= 12 && !defined(SKGD_ONE_TARGET)
#define SKGD_LEAF \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SKGD_LEAF
#endif

/* Into the second cache: the first one takes but a dozen lines at once, and is too small
 * for rows to come (1.5 times as fast for single rows of 4000 bytes). The empty asm
 * keeps GCC from removing a function that only prefetches. */
#if defined(__GNUC__) || defined(__clang__)
#define SKGD_PREFETCH(address) \
    (__extension__({ __builtin_prefetch(address, 0, 2); __asm__ volatile(""); }))
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
    memcpy(&s, &k, 4);
    return s;
}

static inline double skgd_pow2_f64(int64_t k)
{
    double s;
    k = (k + 1023) << 52;
    memcpy(&s, &k, 8);
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

/* log(x) for x >= 1 (libm's does not vectorise): x = 2^k m, sqrt(1/2) <= m < sqrt(2),
 * log(m) = 2 atanh(s), s = (m - 1) / (m + 1), by the series up to s^9 (7e-10) or s^19
 * (8e-18). NaN and infinity stay. */
static inline float skgd_log_f32(float x)
{
    int32_t bits;
    memcpy(&bits, &x, 4);
    int32_t k = (bits - 0x3f3504f3) >> 23;
    bits -= k << 23;
    float m;
    memcpy(&m, &bits, 4);
    float s = (m - 1) / (m + 1), t = s * s;
    float q = 2.f / 9;
    q = q * t + 2.f / 7;
    q = q * t + 2.f / 5;
    q = q * t + 2.f / 3;
    float y = fmaf((float)k, 0x1.62e430p-1f, q * t * s + 2 * s);
    return x <= 0x1.fffffep127f ? y : x;
}

static inline double skgd_log_f64(double x)
{
    int64_t bits;
    memcpy(&bits, &x, 8);
    int64_t k = (bits - 0x3fe6a09e667f3bcd) >> 52;
    bits -= k << 52;
    double m;
    memcpy(&m, &bits, 8);
    double s = (m - 1) / (m + 1), t = s * s;
    double q = 2. / 19;
    q = q * t + 2. / 17;
    q = q * t + 2. / 15;
    q = q * t + 2. / 13;
    q = q * t + 2. / 11;
    q = q * t + 2. / 9;
    q = q * t + 2. / 7;
    q = q * t + 2. / 5;
    q = q * t + 2. / 3;
    double y = fma((double)k, 0x1.62e42fefa39efp-1, q * t * s + 2 * s);
    return x <= 0x1.fffffffffffffp1023 ? y : x;
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

/* exp(x) - 1 for x <= 0, from the same parts as tanh */
static inline float skgd_expm1_f32(float x)
{
    int32_t k;
    x = x < -40.f ? -40.f : x;
    float p = skgd_expm1_core_f32(skgd_reduce_f32(x, &k));
    float s = skgd_pow2_f32(k);
    return fmaf(p, s, s - 1.f);
}

static inline double skgd_expm1_f64(double x)
{
    int64_t k;
    x = x < -80. ? -80. : x;
    double p = skgd_expm1_core_f64(skgd_reduce_f64(x, &k));
    double s = skgd_pow2_f64(k);
    return fma(p, s, s - 1.);
}

/* The lower tail of the normal distribution, for x >= 0:
 *
 *     (1 - erf(x / sqrt(2))) / 2 = exp(-x^2 / 2) P(t) / (x + c),
 *     t = (x - c) / (x + c) = 1 - 2 c / (x + c)
 *
 * P interpolates in the Chebyshev points of the range (degree 10: 1.2e-9, degree
 * 22: 1.3e-17, relative, below the rounding error); beyond x = 13 and 38 the result
 * is below the normal numbers. The fma gives what x^2 loses by rounding.
 * `density` receives exp(-x^2 / 2). */
static inline float skgd_normal_tail_f32(float x, float *density)
{
    x = x > 14.f ? 14.f : x;
    float h = x * x, lost = fmaf(x, x, -h);
    float e = skgd_exp_f32(-0.5f * h);
    float w = skgd_quotient_f32(1.f, 3.f, x), t = 1.f - 6.f * w;
    float q = 5.53559657e-05f;
    q = q * t + 0.000133125912f;
    q = q * t - 0.000244582654f;
    q = q * t - 0.00103422208f;
    q = q * t + 0.00102413574f;
    q = q * t + 0.00696981326f;
    q = q * t - 0.0104622934f;
    q = q * t - 0.0472627468f;
    q = q * t + 0.230017677f;
    q = q * t - 0.509332001f;
    q = q * t + 0.729083717f;
    *density = fmaf(-0.5f * lost, e, e);
    return *density * (q * w);
}

static inline double skgd_normal_tail_f64(double x, double *density)
{
    x = x > 40. ? 40. : x;
    double h = x * x, lost = fma(x, x, -h);
    double e = skgd_exp_f64(-0.5 * h);
    double w = skgd_quotient_f64(1., 5., x), t = 1. - 10. * w;
    double q = -1.8073212078146044e-10;
    q = q * t + 1.6891057665153782e-09;
    q = q * t + 7.667236107202653e-09;
    q = q * t - 9.144502081289173e-09;
    q = q * t - 6.58488684007974e-08;
    q = q * t + 4.209183333886914e-08;
    q = q * t + 4.329837037415609e-07;
    q = q * t - 3.3651220434990697e-07;
    q = q * t - 2.7691457822822777e-06;
    q = q * t + 3.980871285666973e-06;
    q = q * t + 1.6681160364586646e-05;
    q = q * t - 4.9762810377903036e-05;
    q = q * t - 5.937571381647131e-05;
    q = q * t + 0.000544899065037323;
    q = q * t - 0.0007978694007392487;
    q = q * t - 0.002993376770649268;
    q = q * t + 0.02079506680009146;
    q = q * t - 0.06911863870629469;
    q = q * t + 0.16502036617037502;
    q = q * t - 0.31353315667130516;
    q = q * t + 0.4953056159699766;
    q = q * t - 0.6653825028900567;
    q = q * t + 0.769193049750063;
    *density = fma(-0.5 * lost, e, e);
    return *density * (q * w);
}

#endif
