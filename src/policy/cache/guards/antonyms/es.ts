// Pairs of opposites in Spanish; ../antonyms.ts tells how a line is written.
export const ES = `duro|blando pasado
rico ricos rica ricas|pobre pobres
dejar dejé dejo deja dejado|empezar empecé empiezo empieza comenzar comencé
aceptar acepto aceptación aceptando|rechazar rechazo rechazando declinar
aprobado aprobada|rechazado rechazada denegado denegada
expandir expandirá|contraer contraerá encoger
sentado sentada|parado parada pie tumbado tumbada acostado
entrar entro|salir salgo
adulto adultos|niño niños bebé bebés
contratar|despedir
soltero|casado
vegetariano vegetariana|carne
recursión recursivo|iteración iterativo
local locales|remoto remota
mano cabina|facturado bodega facturar
singular|plural
activo activa|pasivo pasiva
oferta|demanda
ganancia ganancias beneficio beneficios|pérdida pérdidas
ingresos|gastos
bruto|neto
prestar presto|pedir_prestado
inquilino inquilinos|casero propietario
comprador|vendedor
visible mostrar|oculto ocultar
suscribirse|darse_de_baja
alta|baja
engordar|adelgazar
dulce|salado amargo ácido
grueso gruesa|delgado fino fina
ancho ancha|estrecho estrecha
ruidoso|silencioso
claro|oscuro
fresco fresca|congelado congelada seco
crudo cruda|cocido cocida
temporal|permanente indefinido fijo
voluntario|obligatorio
formal|informal
llegar llegada llego|salir salida
ida|vuelta
fuerte|débil
sano saludable|enfermo dañino
par|impar
interior|exterior
dentro|fuera
legal|ilegal
hombre hombres|mujer mujeres
agudo|crónico
diarrea|estreñimiento
subir sube|bajar baja
ganar|perder
dar|quitar
poner|quitar
encender enciendo|apagar apago
mostrar|ocultar
vacío|lleno
nacer nació|morir murió
legible|ilegible
hipertensión|hipotensión
hipoglucemia|hiperglucemia`;
