{{/* Ends the rendering with everything at once that is missing, or can't work together. */}}
{{- define "microservice.validate" -}}
{{- $name := include "microservice.name" . -}}
{{- $global := .Values.global -}}
{{- $secret := .Values.secret -}}
{{- $external := $secret.externalSecret -}}
{{- $cnpg := .Values.database.cnpg.enabled -}}
{{- $local := eq $global.environment "local" -}}
{{- $problems := list -}}
{{- if and $secret.existingSecret $external.enabled -}}
{{- $problems = append $problems "secret.existingSecret and secret.externalSecret.enabled exclude each other" -}}
{{- end -}}
{{- if and $external.enabled (not (and $external.storeRef.name $external.remoteKey)) -}}
{{- $problems = append $problems "secret.externalSecret needs storeRef.name and remoteKey" -}}
{{- end -}}
{{- if not (or $local $secret.existingSecret $external.enabled) -}}
{{- $problems = append $problems (printf "secret.existingSecret (or secret.externalSecret) has to name the settings' Secret when global.environment is %s; only a local release makes one" $global.environment) -}}
{{- end -}}
{{- if and $cnpg .Values.database.existingSecret -}}
{{- $problems = append $problems "database.existingSecret and database.cnpg.enabled exclude each other" -}}
{{- end -}}
{{- if and (include "microservice.usesReleaseDatabase" .) (not (or $local $global.postgresql.enabled)) -}}
{{- $problems = append $problems "no database: set database.existingSecret or database.cnpg.enabled; global.postgresql.enabled runs a small one, which a local release does by itself" -}}
{{- end -}}
{{- if and $global.ingress.enabled $global.httpRoute.enabled -}}
{{- $problems = append $problems "global.ingress.enabled and global.httpRoute.enabled exclude each other" -}}
{{- end -}}
{{- if and $global.httpRoute.enabled (not $global.httpRoute.parentRefs) -}}
{{- $problems = append $problems "global.httpRoute.parentRefs has to name a Gateway" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (not (or .Values.autoscaling.targetCPUPercent .Values.autoscaling.targetRequestsPerSecond)) -}}
{{- $problems = append $problems "autoscaling needs targetCPUPercent or targetRequestsPerSecond" -}}
{{- end -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add (int .Values.preStopSeconds) 15 | int) -}}
{{- $problems = append $problems "terminationGracePeriodSeconds has to be at least preStopSeconds + 15: requests get 10 s, telemetry 2" -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n%s: %s" $name (join (printf "\n%s: " $name) $problems)) -}}
{{- end -}}
{{- end -}}
