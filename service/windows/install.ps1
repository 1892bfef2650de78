# Installs the agent as a service of Windows: finds the program, asks for an administrator, and lets it do the rest.
#
#   powershell -ExecutionPolicy Bypass -File install.ps1 -Config C:\otv-agent\agent.yaml
#
# Everything is decided by `otv-agent service install`; -DryRun only says what it would do.
#Requires -Version 5.1
#Requires -RunAsAdministrator
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)] [string] $Config,
    [string] $Program = 'C:\otv-agent\venv\Scripts\otv-agent.exe',
    [switch] $DryRun
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# A relative path, or a drive of this session alone, would lead nowhere for the service.
$Config = (Resolve-Path -LiteralPath $Config).ProviderPath
if (-not (Test-Path -LiteralPath $Program -PathType Leaf)) {
    Write-Error "There is no program ${Program}: name it with -Program."
}

$words = @('service', 'install', '--config', $Config)
if ($DryRun) { $words += '--dry-run' }
& $Program @words
exit $LASTEXITCODE
