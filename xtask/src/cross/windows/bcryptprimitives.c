/* Random numbers for the standard libraries of Rust and Go. Windows has this DLL, but Wine 8 does not. Only for the checks. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *data, SIZE_T size)
{
    return RtlGenRandom(data, size);
}
