{{/* A part of the release as a peer. Takes its `name` and the `release`. */}}
{{- define "microservice.releasePeer" -}}
podSelector:
  matchLabels:
    app.kubernetes.io/name: {{ .name }}
    app.kubernetes.io/instance: {{ .release }}
{{- end -}}

{{/* What every pod of the service may reach: DNS and its own database. */}}
{{- define "microservice.dataEgress" -}}
- to:
    {{- toYaml .Values.global.networkPolicy.dns | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- $database := .Values.database }}
{{- if $database.cnpg.enabled }}
- to:
    - podSelector:
        matchLabels:
          cnpg.io/cluster: {{ include "microservice.fullname" . }}-db
    {{- if $database.cnpg.pooler.enabled }}
    - podSelector:
        matchLabels:
          cnpg.io/poolerName: {{ include "microservice.fullname" . }}-db-pooler
    {{- end }}
  ports:
    - {protocol: TCP, port: 5432}
{{- else if $database.existingSecret }}
- ports:
    - {protocol: TCP, port: {{ $database.port }}}
  {{- with $database.peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- else }}
- to:
    - {{ include "microservice.releasePeer" (dict "name" "postgresql" "release" .Release.Name) | nindent 6 | trim }}
  ports:
    - {protocol: TCP, port: 5432}
{{- end }}
{{- end -}}
