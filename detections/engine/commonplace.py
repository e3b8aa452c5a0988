"""What stands in most events anyway: text to guess by, until something is learned from real ones.

Written by us after what Windows, Linux and proxies say all day; it decides speed, never an answer.
"""

TEXT = r"""
c:\windows\system32\svchost.exe -k netsvcs -p -s schedule c:\windows\system32\services.exe c:\windows\system32\cmd.exe /c
c:\windows\system32\windowspowershell\v1.0\powershell.exe -noprofile -noninteractive -executionpolicy bypass -file c:\windows\explorer.exe
c:\windows\system32\conhost.exe 0xffffffff -forcev1 c:\windows\system32\wbem\wmiprvse.exe -secured -embedding c:\windows\system32\lsass.exe
c:\windows\system32\rundll32.exe c:\windows\system32\dllhost.exe /processid:{ c:\windows\system32\taskhostw.exe c:\windows\system32\msiexec.exe
c:\windows\syswow64\ c:\program files\ c:\program files (x86)\microsoft\edge\application\msedge.exe --type=renderer --field-trial-handle=
c:\program files\google\chrome\application\chrome.exe c:\programdata\microsoft\windows defender\platform\ msmpeng.exe c:\programdata\
c:\users\user\appdata\local\temp\ c:\users\user\appdata\roaming\microsoft\windows\start menu\programs\ c:\users\public\ desktop downloads documents
c:\windows\temp\ c:\windows\winsxs\amd64_microsoft-windows- c:\windows\microsoft.net\framework64\v4.0.30319\ mscorlib system.management.automation
ntdll.dll kernel32.dll kernelbase.dll advapi32.dll user32.dll ws2_32.dll ole32.dll .dll .exe .tmp .log .dat .txt .ps1 .xml
microsoft corporation microsoft windows microsoft® windows® operating system windows command processor 10.0.19041.1 (winbuild.160101.0800)
nt authority\system nt authority\local service nt authority\network service builtin\administrators workgroup domain administrator system
hklm\software\microsoft\windows\currentversion\ hklm\system\currentcontrolset\services\ hkcu\software\classes\ \registry\machine\ hku\s-1-5-21-
hklm\software\microsoft\windows nt\currentversion\ hklm\software\wow6432node\ \control\ \parameters dword (0x00000000) dword (0x00000001) binary data
microsoft-windows-sysmon/operational microsoft-windows-sysmon microsoft-windows-security-auditing microsoft-windows-powershell/operational security
windows.sysmon_operational windows.security process-started network-connection registry-value-set file-created image-loaded event process start info
network connection protocol registry change creation medium high system low true false valid signed unavailable setvalue createkey tcp udp ipv4
10.0.0.1 192.168.1.1 127.0.0.1 0:0:0:0:0:0:0:1 443 80 53 445 135 3389 49152 https http ldap dns workstation.corp.example.local
{01234567-89ab-cdef-0123-456789abcdef} 2026-11-25t00:00:00.000000z s-1-5-18 0x3e7 0x0000000000000000 %%1936 %%1833 kerberos negotiate
get post 200 404 html index www. .com .net .jp /api/v1/ mozilla/5.0 (windows nt 10.0; win64; x64) applewebkit/537.36 (khtml, like gecko) chrome/
/usr/bin/ /usr/sbin/ /bin/sh -c /bin/bash /etc/ /var/log/ /home/ /tmp/ root systemd cron sshd sudo
param( function foreach-object where-object get-childitem write-host write-output new-object $_. $null return import-module set-strictmode -version
"""
#: Four of the same stand in many texts.
SAME = tuple(bytes((sign,)) * 4 for sign in range(128))
