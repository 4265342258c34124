// The one place that asks what the machine can do. The choice is made before main; until then everything is
// portable, so a call from another constructor is slow but right.
#include "kernels.h"

#if CSHA256_X86
#include <cpuid.h>
#elif CSHA256_ARM64 && defined(__linux__)
#include <sys/auxv.h>
#endif

typedef struct kernel_entry {
    const char *name;
    csha256_compress_function *compress;  // null: the kernel only scans
    csha256_double64_function *double64;
    csha256_scan_function *scan;  // null: not built for this architecture
} kernel_entry;

static const kernel_entry kernels[CSHA256_KERNEL_COUNT] = {
    [CSHA256_PORTABLE] = {"portable", csha256_compress_portable, csha256_double64_portable,
                          csha256_scan_portable},
#if CSHA256_X86
    [CSHA256_SHA_NI] = {"SHA-NI 2-way", csha256_compress_sha_ni, csha256_double64_sha_ni,
                        csha256_scan_sha_ni},
    [CSHA256_AVX2] = {"AVX2 8-way", NULL, NULL, csha256_scan_avx2},
    [CSHA256_AVX512] = {"AVX-512 16-way", NULL, NULL, csha256_scan_avx512},
    [CSHA256_ARMV8] = {"ARMv8 SHA2", NULL, NULL, NULL},
#else
    [CSHA256_SHA_NI] = {"SHA-NI 2-way", NULL, NULL, NULL},
    [CSHA256_AVX2] = {"AVX2 8-way", NULL, NULL, NULL},
    [CSHA256_AVX512] = {"AVX-512 16-way", NULL, NULL, NULL},
#if CSHA256_ARM64
    [CSHA256_ARMV8] = {"ARMv8 SHA2", csha256_compress_armv8, csha256_double64_armv8, csha256_scan_armv8},
#else
    [CSHA256_ARMV8] = {"ARMv8 SHA2", NULL, NULL, NULL},
#endif
#endif
};

static bool supported[CSHA256_KERNEL_COUNT] = {[CSHA256_PORTABLE] = true};
static csha256_kernel compress_kernel = CSHA256_PORTABLE;
static csha256_kernel scan_kernel = CSHA256_PORTABLE;
static csha256_compress_function *compress = csha256_compress_portable;
static csha256_double64_function *double64 = csha256_double64_portable;
static csha256_scan_function *scan = csha256_scan_portable;

#if CSHA256_X86
bool csha256_has_avx = false;

static bool has_sha_extensions(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1) != 0;
}
#endif

__attribute__((constructor)) static void choose(void) {
#if CSHA256_X86
    __builtin_cpu_init();
    csha256_has_avx = __builtin_cpu_supports("avx");
    supported[CSHA256_SHA_NI] = has_sha_extensions() && __builtin_cpu_supports("sse4.1");
    supported[CSHA256_AVX2] = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    supported[CSHA256_AVX512] = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#elif CSHA256_ARM64 && defined(__linux__)
    // HWCAP_SHA2 is bit 6 of AT_HWCAP (Linux, arch/arm64/include/uapi/asm/hwcap.h).
    supported[CSHA256_ARMV8] = (getauxval(AT_HWCAP) >> 6 & 1) != 0;
#elif CSHA256_ARM64 && defined(__APPLE__)
    supported[CSHA256_ARMV8] = true;
#endif
    // Best last. Per core on Zen 4: portable 1.9 MH/s, AVX2 16, SHA-NI 29, AVX-512 34.
    static const csha256_kernel rising[] = {CSHA256_AVX2, CSHA256_SHA_NI, CSHA256_ARMV8, CSHA256_AVX512};
    for (size_t i = 0; i < sizeof rising / sizeof rising[0]; i++) {
        csha256_kernel kernel = rising[i];
        if (!supported[kernel]) continue;
        scan_kernel = kernel;
        scan = kernels[kernel].scan;
        if (!kernels[kernel].compress) continue;
        compress_kernel = kernel;
        compress = kernels[kernel].compress;
        double64 = kernels[kernel].double64;
    }
}

void csha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count) {
    compress(state, blocks, count);
}

void csha256_double64(uint8_t *out, const uint8_t *in, size_t count) { double64(out, in, count); }

uint64_t csha256_scan(const csha256_job *job, uint32_t start, uint64_t count, uint32_t top,
                      uint32_t *candidates, size_t capacity, size_t *found) {
    return scan(job, start, 1, count, top, candidates, capacity, found);
}

uint64_t csha256_scan_strided(const csha256_job *job, uint32_t start, uint32_t stride, uint64_t count,
                              uint32_t top, uint32_t *candidates, size_t capacity, size_t *found) {
    return scan(job, start, stride, count, top, candidates, capacity, found);
}

static bool is_kernel(csha256_kernel kernel) { return (unsigned)kernel < CSHA256_KERNEL_COUNT; }

const char *csha256_kernel_name(csha256_kernel kernel) {
    return is_kernel(kernel) ? kernels[kernel].name : "unknown";
}
bool csha256_kernel_supported(csha256_kernel kernel) { return is_kernel(kernel) && supported[kernel]; }
bool csha256_kernel_compresses(csha256_kernel kernel) {
    return is_kernel(kernel) && kernels[kernel].compress != NULL;
}
csha256_kernel csha256_compress_kernel(void) { return compress_kernel; }
csha256_kernel csha256_scan_kernel(void) { return scan_kernel; }

void csha256_compress_with(csha256_kernel kernel, uint32_t state[8], const uint8_t *blocks, size_t count) {
    kernels[kernel].compress(state, blocks, count);
}

void csha256_double64_with(csha256_kernel kernel, uint8_t *out, const uint8_t *in, size_t count) {
    kernels[kernel].double64(out, in, count);
}

uint64_t csha256_scan_with(csha256_kernel kernel, const csha256_job *job, uint32_t start, uint32_t stride,
                           uint64_t count, uint32_t top, uint32_t *candidates, size_t capacity, size_t *found) {
    return kernels[kernel].scan(job, start, stride, count, top, candidates, capacity, found);
}
