/* Wine's crypt32.dll, for programs of today. It is for the checks only. Wine 8 differs from Windows in two functions; all
   others are passed on. */
#include <string.h>
#include <windows.h>
#include <wincrypt.h>

/* The settings of an engine up to dwExclusiveFlags, which came with Windows 8 and are refused by Wine. */
enum { OLDER_SIZE = 80 };

/* Wine fails where it cannot find out whether a certificate was revoked, even if the program says to ignore that. */
static const DWORD REVOCATION_CHECKS =
    CERT_CHAIN_REVOCATION_CHECK_END_CERT | CERT_CHAIN_REVOCATION_CHECK_CHAIN |
    CERT_CHAIN_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT;

static void *function_of_wine(const char *name)
{
    return (void *)GetProcAddress(LoadLibraryW(L"winecrypt32.dll"), name);
}

BOOL WINAPI create_engine(CERT_CHAIN_ENGINE_CONFIG *settings, HCERTCHAINENGINE *engine)
{
    union {
        CERT_CHAIN_ENGINE_CONFIG settings;
        char bytes[OLDER_SIZE];
    } older;
    memcpy(older.bytes, settings, OLDER_SIZE);
    older.settings.cbSize = OLDER_SIZE;
    BOOL WINAPI (*create)(CERT_CHAIN_ENGINE_CONFIG *, HCERTCHAINENGINE *) =
        function_of_wine("CertCreateCertificateChainEngine");
    return create(&older.settings, engine);
}

BOOL WINAPI get_chain(HCERTCHAINENGINE engine, PCCERT_CONTEXT certificate, FILETIME *time, HCERTSTORE store,
                      CERT_CHAIN_PARA *use, DWORD flags, void *reserved, PCCERT_CHAIN_CONTEXT *chain)
{
    BOOL WINAPI (*get)(HCERTCHAINENGINE, PCCERT_CONTEXT, FILETIME *, HCERTSTORE, CERT_CHAIN_PARA *, DWORD, void *,
                       PCCERT_CHAIN_CONTEXT *) = function_of_wine("CertGetCertificateChain");
    return get(engine, certificate, time, store, use, flags & ~REVOCATION_CHECKS, reserved, chain);
}
