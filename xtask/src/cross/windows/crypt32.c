/* A crypt32.dll that calls Wine's own. In two functions, Wine 8 differs from Windows. Only for the checks. */
#include <string.h>
#include <windows.h>
#include <wincrypt.h>

/* The size of the settings without dwExclusiveFlags. Windows 8 added this field, and Wine rejects it. */
enum { OLD_SIZE = 80 };

/* Wine fails if it cannot check whether a certificate is revoked, even if the program ignores that. */
static const DWORD REVOCATION_CHECKS =
    CERT_CHAIN_REVOCATION_CHECK_END_CERT | CERT_CHAIN_REVOCATION_CHECK_CHAIN |
    CERT_CHAIN_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT;

static void *wine_function(const char *name)
{
    return (void *)GetProcAddress(LoadLibraryW(L"winecrypt32.dll"), name);
}

BOOL WINAPI create_engine(CERT_CHAIN_ENGINE_CONFIG *config, HCERTCHAINENGINE *engine)
{
    union {
        CERT_CHAIN_ENGINE_CONFIG config;
        char bytes[OLD_SIZE];
    } old;
    memcpy(old.bytes, config, OLD_SIZE);
    old.config.cbSize = OLD_SIZE;
    BOOL WINAPI (*create)(CERT_CHAIN_ENGINE_CONFIG *, HCERTCHAINENGINE *) =
        wine_function("CertCreateCertificateChainEngine");
    return create(&old.config, engine);
}

BOOL WINAPI get_chain(HCERTCHAINENGINE engine, PCCERT_CONTEXT certificate, FILETIME *time, HCERTSTORE store,
                      CERT_CHAIN_PARA *usage, DWORD flags, void *reserved, PCCERT_CHAIN_CONTEXT *chain)
{
    BOOL WINAPI (*get)(HCERTCHAINENGINE, PCCERT_CONTEXT, FILETIME *, HCERTSTORE, CERT_CHAIN_PARA *, DWORD, void *,
                       PCCERT_CHAIN_CONTEXT *) = wine_function("CertGetCertificateChain");
    return get(engine, certificate, time, store, usage, flags & ~REVOCATION_CHECKS, reserved, chain);
}
