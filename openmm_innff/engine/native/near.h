// Of points in a row, those near a place: the innermost loop of the search for neighbours.
#pragma once

#include <cstdint>

#ifdef __AVX2__  // compilers don't find the instructions that move what is kept together
#include <immintrin.h>
#endif

namespace inn {

#if defined(__AVX2__) && !defined(__AVX512VL__)
// Bytes that move the kept ones of four entries to the front, by a bit for each.
struct Compression {
    alignas(16) uint8_t bytes[16][16] = {};
    constexpr Compression() {
        for (int kept = 0; kept < 16; kept++)
            for (int entry = 0, n = 0; entry < 4; entry++)
                if (kept >> entry & 1) {
                    for (int b = 0; b < 4; b++) bytes[kept][4 * n + b] = static_cast<uint8_t>(4 * entry + b);
                    n++;
                }
    }
};
constexpr Compression COMPRESSION;
#endif

// Points (x, y, z), with an entry each.
struct Points {
    const double *x, *y, *z;
    const uint32_t* entries;
    int64_t count;
};

// Copy, in their order, the entries of points closer to a place than the root of the limit, but
// not `self`; return their number. Writes up to 8 more.
inline int64_t select_near(const Points& p, const double* here, double limit, uint32_t self, uint32_t* near) {
    int64_t found = 0, k = 0;
#if defined(__AVX512VL__)
    const __m512d x = _mm512_set1_pd(here[0]), y = _mm512_set1_pd(here[1]), z = _mm512_set1_pd(here[2]);
    const __m256i own = _mm256_set1_epi32(static_cast<int>(self));
    for (; k + 8 <= p.count; k += 8) {
        const __m512d dx = _mm512_sub_pd(_mm512_loadu_pd(p.x + k), x), dy = _mm512_sub_pd(_mm512_loadu_pd(p.y + k), y);
        const __m512d dz = _mm512_sub_pd(_mm512_loadu_pd(p.z + k), z);
        const __m512d square = _mm512_fmadd_pd(dx, dx, _mm512_fmadd_pd(dy, dy, _mm512_mul_pd(dz, dz)));
        const __m256i entries = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p.entries + k));
        const __mmask8 kept = _mm512_mask_cmp_pd_mask(_mm256_cmpneq_epu32_mask(entries, own), square, _mm512_set1_pd(limit), _CMP_LT_OQ);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(near + found), _mm256_maskz_compress_epi32(kept, entries));
        found += __builtin_popcount(kept);
    }
#elif defined(__AVX2__)
    const __m256d x = _mm256_set1_pd(here[0]), y = _mm256_set1_pd(here[1]), z = _mm256_set1_pd(here[2]);
    const __m128i own = _mm_set1_epi32(static_cast<int>(self));
    for (; k + 4 <= p.count; k += 4) {
        const __m256d dx = _mm256_sub_pd(_mm256_loadu_pd(p.x + k), x), dy = _mm256_sub_pd(_mm256_loadu_pd(p.y + k), y);
        const __m256d dz = _mm256_sub_pd(_mm256_loadu_pd(p.z + k), z);
        const __m256d square = _mm256_fmadd_pd(dx, dx, _mm256_fmadd_pd(dy, dy, _mm256_mul_pd(dz, dz)));
        const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p.entries + k));
        const int is_self = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(entries, own)));
        const int kept = _mm256_movemask_pd(_mm256_cmp_pd(square, _mm256_set1_pd(limit), _CMP_LT_OQ)) & ~is_self;
        const __m128i order = _mm_load_si128(reinterpret_cast<const __m128i*>(COMPRESSION.bytes[kept]));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(near + found), _mm_shuffle_epi8(entries, order));
        found += __builtin_popcount(kept);
    }
#endif
    for (; k < p.count; k++) {
        const double dx = p.x[k] - here[0], dy = p.y[k] - here[1], dz = p.z[k] - here[2];
        near[found] = p.entries[k];  // always written, kept only if near: no jump
        found += (dx * dx + dy * dy + dz * dz < limit) & (p.entries[k] != self);
    }
    return found;
}

}  // namespace inn
